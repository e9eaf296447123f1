// Another build under the same version.
#include <sys/stat.h>

#include "expect.hpp"

using namespace e2e;

namespace {

struct Republished {
    Republished()
        : first(scene.release("falcon-agent", "1.0.0")),
          second(scene.release("falcon-agent", "1.0.0")) {
        first.file("build", "first");
        second.file("build", "second").file("blob", noise(100000));
        scene.host.timeout("start", 1);
    }

    void begin(const Json& extra = Json::object()) {
        Json inline_md5 = {{"md5", first.md5()}};
        inline_md5.update(extra);
        scene.want(first, "start", inline_md5);
        REQUIRE_EXIT(scene.pass(), 0);
        REQUIRE(scene.host.runs_only(first));
        scene.host.forget_journal();
        scene.meta.forget_requests();
    }

    void republish(const std::string& cmd = "start") {
        scene.want(second, cmd, {{"md5", second.md5()}});
    }

    /// What the running daemon's dir says of its build.
    [[nodiscard]] std::string running_build() const {
        const auto pid = scene.host.daemon_pid(first);
        if (!pid) return "(none)";
        return read_if_there("/proc/" + std::to_string(*pid) + "/cwd/build").value_or("(gone)");
    }

    Scene scene;
    Release first;
    Release second;
};

}  // namespace

TEST_CASE("another inline digest of the version in use is another build, and is swapped in") {
    for (const bool sha : {false, true}) {
        CAPTURE(sha);
        Republished builds;
        if (sha) {
            builds.begin({{"sha256", builds.first.sha256()}});
            builds.scene.want(builds.second, "start", {{"sha256", builds.second.sha256()}});
        } else {
            builds.begin();
            builds.republish();
        }
        CHECK_EXIT(builds.scene.pass(), 0);
        CHECK(builds.scene.host.runs_only(builds.second));
        CHECK(builds.running_build() == "second");
        CHECK(builds.scene.host.deeds("falcon-agent") == Words{"1.0.0 stop", "1.0.0 start"});
        CHECK(builds.scene.meta.count(builds.second.path()) == 1);
        CHECK(builds.scene.host.difference(builds.second) == "");
        CHECK_EXIT(builds.scene.pass(), 0);
        CHECK(builds.scene.host.count(builds.second, "start") == 1);
    }
}

TEST_CASE("the running build runs on untouched while the other one is staged, never in its dir") {
    Republished builds;
    builds.begin();
    builds.republish();
    builds.scene.meta.behave(builds.second.path(), {.hold_after = 50000});
    Process pass = builds.scene.start_pass();
    REQUIRE(eventually([&] { return builds.scene.meta.count(builds.second.path()) == 1; }));
    CHECK(builds.running_build() == "first");
    CHECK(builds.scene.host.difference(builds.first) == "");
    builds.scene.meta.let_go();
    CHECK_EXIT(pass.wait(), 0);
    CHECK(builds.running_build() == "second");
    CHECK(builds.scene.host.leftovers().size() <= 1);  // the old tree's control, for a rollback
}

TEST_CASE("the same digest again is the same build") {
    Republished builds;
    builds.begin();
    CHECK_EXIT(builds.scene.pass(), 0);
    CHECK(builds.scene.host.deeds("falcon-agent") == Words{});
    CHECK(builds.scene.meta.requests().size() == 1);
}

TEST_CASE("an unknown digest is unchanged: a build installed by hand is not restarted") {
    Republished builds;
    builds.scene.host.has_running(builds.first);
    builds.republish();
    CHECK_EXIT(builds.scene.pass(), 0);
    CHECK(builds.scene.host.deeds("falcon-agent") == Words{});
    CHECK(builds.running_build() == "first");
}

TEST_CASE("a digest of another kind says nothing") {
    Republished builds;
    builds.begin();
    builds.scene.want(builds.second, "start", {{"sha256", builds.second.sha256()}});
    CHECK_EXIT(builds.scene.pass(), 0);
    CHECK(builds.running_build() == "first");
    CHECK(builds.scene.host.deeds("falcon-agent") == Words{});
}

TEST_CASE("a digest file that changed under a running version is not looked at") {
    Scene scene;
    Release first = scene.release("falcon-agent", "1.0.0");
    Release second = scene.release("falcon-agent", "1.0.0");
    first.file("build", "first");
    second.file("build", "second");
    scene.want(first);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.want(second);
    scene.meta.forget_requests();
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.meta.requests().size() == 1);
    CHECK(scene.host.difference(first) == "");
}

TEST_CASE("another build that does not come up is rolled back to the old one of the same version") {
    Republished builds;
    builds.second.start_fails("the second build is broken");
    builds.begin();
    builds.republish();
    CHECK_EXIT(builds.scene.pass(), 1);
    CHECK(builds.running_build() == "first");
    CHECK(builds.scene.host.difference(builds.first) == "");
    CHECK(builds.scene.host.version("falcon-agent") == "1.0.0\n");
    const Json failed = builds.scene.status_of("falcon-agent").at("failed");
    CHECK(failed.at("version") == "1.0.0");
    CHECK_CONTAINS(failed.at("output").get<std::string>(), "the second build is broken");
    // It is waited out, and the old build is kept running.
    CHECK_EXIT(builds.scene.pass(), 1);
    CHECK(builds.running_build() == "first");
    CHECK(builds.scene.meta.count(builds.second.path()) == 1);
    // A third build ends the wait.
    Release third = builds.scene.release("falcon-agent", "1.0.0");
    third.file("build", "third");
    builds.scene.want(third, "start", {{"md5", third.md5()}});
    CHECK_EXIT(builds.scene.pass(), 0);
    CHECK(builds.running_build() == "third");
}

TEST_CASE("another build that dies on probation is rolled back to the old one") {
    Republished builds;
    builds.scene.host.set("rollback", "{max_restarts: 1, probation: 3600}");
    builds.begin();
    builds.republish();
    REQUIRE_EXIT(builds.scene.pass(), 0);
    REQUIRE(builds.running_build() == "second");
    builds.scene.host.crash(builds.second);
    CHECK_EXIT(builds.scene.pass(), 1);
    CHECK(builds.running_build() == "first");
    CHECK(builds.scene.host.difference(builds.first) == "");
}

TEST_CASE("after probation the old tree is gone") {
    Republished builds;
    builds.scene.host.set("rollback", "{probation: 1}");
    builds.begin();
    builds.republish();
    REQUIRE_EXIT(builds.scene.pass(), 0);
    std::this_thread::sleep_for(milliseconds(2100));
    CHECK_EXIT(builds.scene.pass(), 0);
    CHECK_EXIT(builds.scene.pass(), 0);
    CHECK(builds.scene.host.leftovers() == Words{});
    CHECK(builds.running_build() == "second");
}

TEST_CASE("another build that cannot be staged leaves the old one running") {
    Republished builds;
    builds.begin();
    builds.scene.want(builds.second, "start", {{"md5", std::string(32, '0')}});
    builds.scene.host.set("download", "{retries: 0}");
    CHECK_EXIT(builds.scene.pass(), 1);
    CHECK(builds.running_build() == "first");
    CHECK(builds.scene.host.deeds("falcon-agent") == Words{});
    CHECK(builds.scene.host.difference(builds.first) == "");
}

TEST_CASE("another build of a version that is to be stopped is swapped in without a start") {
    Republished builds;
    builds.begin();
    builds.republish("stop");
    CHECK_EXIT(builds.scene.pass(), 0);
    CHECK(builds.scene.host.count(builds.second, "start") == 0);
    CHECK_FALSE(builds.scene.host.alive(builds.first));
    CHECK(builds.scene.host.difference(builds.second) == "");
    builds.republish("start");
    CHECK_EXIT(builds.scene.pass(), 0);
    CHECK(builds.running_build() == "second");
}

TEST_CASE("a swap that was killed converges") {
    for (const char* place : {"stop", "start", "download"}) {
        CAPTURE(place);
        Republished builds;
        const std::string flag = builds.scene.host.flag("kill");
        const std::string kill = "if [ -e " + flag + " ]; then rm " + flag + "; kill -9 \"$(cat " +
                                 (builds.scene.host.ops / "ops-updater.pid").string() +
                                 ")\"; exit 1; fi";
        if (place == std::string("stop")) builds.first.after("stop", kill);
        if (place == std::string("start")) builds.second.before("start", kill);
        builds.begin();
        builds.republish();
        if (place == std::string("download")) {
            builds.scene.meta.behave(builds.second.path(), {.hold_after = 50000});
            Process pass = builds.scene.start_pass();
            REQUIRE(eventually([&] { return builds.scene.meta.count(builds.second.path()) == 1; }));
            pass.kill(SIGKILL);
            pass.wait();
            builds.scene.meta.behave_again(builds.second.path());
            CHECK(builds.running_build() == "first");
        } else {
            builds.scene.host.raise("kill");
            CHECK_EXIT(builds.scene.pass(), 137);
        }
        CHECK_EXIT(builds.scene.pass(), 0);
        CHECK(builds.running_build() == "second");
        CHECK(builds.scene.host.difference(builds.second) == "");
        CHECK(builds.scene.host.running_versions("falcon-agent") == Words{"1.0.0"});
    }
}
