// The time in which a new version still has to prove itself: each pass is the watch.
#include "expect.hpp"

using namespace e2e;

namespace {

struct Probation {
    explicit Probation(const std::string& rules = "{max_restarts: 2, probation: 3600}")
        : good(scene.release("falcon-agent", "1.0.0")),
          next(scene.release("falcon-agent", "1.0.1")) {
        scene.host.set("rollback", rules);
        scene.want(good);
    }

    /// The new version is installed and was seen started.
    void upgrade() {
        REQUIRE_EXIT(scene.pass(), 0);
        scene.want(next);
        REQUIRE_EXIT(scene.pass(), 0);
        REQUIRE(scene.host.runs_only(next));
    }

    Result crash_and_pass() {
        scene.host.crash(next);
        return scene.pass();
    }

    Scene scene;
    Release good;
    Release next;
};

}  // namespace

TEST_CASE("a version that is found dead for the max_restarts-th time is rolled back") {
    Probation probation("{max_restarts: 3, probation: 3600}");
    probation.upgrade();
    CHECK_EXIT(probation.crash_and_pass(), 0);
    CHECK(probation.scene.host.runs_only(probation.next));
    CHECK_EXIT(probation.crash_and_pass(), 0);
    CHECK(probation.scene.host.runs_only(probation.next));
    CHECK_EXIT(probation.crash_and_pass(), 1);
    CHECK(probation.scene.host.runs_only(probation.good));
    CHECK(probation.scene.host.count(probation.next, "start") == 3);
    const Json failed = probation.scene.status_of("falcon-agent").at("failed");
    CHECK(failed.at("version") == "1.0.1");
    CHECK_EXIT(probation.scene.pass(), 1);
    CHECK(probation.scene.host.runs_only(probation.good));
    CHECK_CONTAINS(probation.scene.reported("falcon-agent").at("error").get<std::string>(),
                   "1.0.1");
}

TEST_CASE("with max_restarts 1 the first death is the last") {
    Probation probation("{max_restarts: 1, probation: 3600}");
    probation.upgrade();
    CHECK_EXIT(probation.crash_and_pass(), 1);
    CHECK(probation.scene.host.runs_only(probation.good));
}

TEST_CASE("passes that find it running count nothing, but do not reset the count") {
    Probation probation;
    probation.upgrade();
    for (int i = 0; i < 3; ++i)
        CHECK_EXIT(probation.scene.pass(), 0);
    CHECK_EXIT(probation.crash_and_pass(), 0);
    for (int i = 0; i < 3; ++i)
        CHECK_EXIT(probation.scene.pass(), 0);
    CHECK(probation.scene.host.runs_only(probation.next));
    CHECK_EXIT(probation.crash_and_pass(), 1);
    CHECK(probation.scene.host.runs_only(probation.good));
}

TEST_CASE("after probation nothing rolls back") {
    Probation probation("{max_restarts: 1, probation: 1}");
    probation.upgrade();
    std::this_thread::sleep_for(milliseconds(2100));
    for (int i = 0; i < 3; ++i) {
        CHECK_EXIT(probation.crash_and_pass(), 0);
        CHECK(probation.scene.host.runs_only(probation.next));
    }
}

TEST_CASE("a status that timed out or says nothing is no death") {
    Probation probation("{max_restarts: 1, probation: 3600}");
    const std::string flag = probation.scene.host.flag("odd");
    probation.next.before("status", "[ ! -e " + flag + " ] || { cat " + flag + "; exit; }");
    probation.scene.host.timeout("start", 1);
    probation.upgrade();
    for (const char* text : {"", "started stopped\n", "busy\n"}) {
        CAPTURE(text);
        probation.scene.host.write(flag, text);
        probation.scene.pass();
        CHECK(probation.scene.host.version("falcon-agent") == "1.0.1\n");
    }
    probation.scene.host.lower("odd");
    CHECK_EXIT(probation.scene.pass(), 0);
    CHECK(probation.scene.host.runs_only(probation.next));
}

TEST_CASE("an operator's stop by way of ops-meta is no death") {
    Probation probation("{max_restarts: 1, probation: 3600}");
    probation.upgrade();
    probation.scene.want(probation.next, "stop");
    CHECK_EXIT(probation.scene.pass(), 0);
    CHECK_FALSE(probation.scene.host.alive(probation.next));
    probation.scene.want(probation.next, "start");
    CHECK_EXIT(probation.scene.pass(), 0);  // stopped, but start was not wanted before
    CHECK(probation.scene.host.runs_only(probation.next));
}

TEST_CASE("a reboot is no death") {
    // Another boot id, in a mount namespace of the pass's own.
    Probation probation("{max_restarts: 1, probation: 3600}");
    probation.upgrade();
    const fs::path boot_id = probation.scene.host.root / "boot_id";
    probation.scene.host.write(boot_id, "11111111-2222-3333-4444-555555555555\n");
    probation.scene.host.crash(probation.next);
    RunOptions options;
    options.bare = true;
    options.program = "/usr/bin/unshare";
    options.args = {"--mount"};
    if (::geteuid() != 0) options.args.insert(options.args.begin(), "--map-root-user");
    std::string line = "mount --bind " + boot_id.string() +
                       " /proc/sys/kernel/random/boot_id && exec " + program_under_test().string();
    for (const auto& arg : probation.scene.host.usual_args())
        line += " " + arg;
    for (const char* word : {"sh", "-c"})
        options.args.emplace_back(word);
    options.args.push_back(line);
    CHECK_EXIT(probation.scene.host.run(options), 0);
    CHECK(probation.scene.host.runs_only(probation.next));
}

TEST_CASE("a first install that dies has nothing to go back to and is started again") {
    Probation probation("{max_restarts: 1, probation: 3600}");
    REQUIRE_EXIT(probation.scene.pass(), 0);
    for (int i = 0; i < 3; ++i) {
        probation.scene.host.crash(probation.good);
        probation.scene.pass();
        CHECK(probation.scene.host.version("falcon-agent") == "1.0.0\n");
    }
    probation.scene.pass({"--retry"});
    CHECK(probation.scene.host.runs_only(probation.good));
}

TEST_CASE("an agent that was there before the updater is started again for ever") {
    Scene scene;
    scene.host.set("rollback", "{max_restarts: 1, probation: 3600}");
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.has_running(agent);
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 0);
    for (int i = 0; i < 3; ++i) {
        scene.host.crash(agent);
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.host.runs_only(agent));
    }
}

TEST_CASE("a pending switch that finds the new version stopped starts it without counting") {
    Probation probation("{max_restarts: 1, probation: 3600}");
    const std::string flag = probation.scene.host.flag("kill");
    probation.next.before(
        "start", "if [ -e " + flag + " ]; then rm " + flag + "; kill -9 \"$(cat " +
                     (probation.scene.host.ops / "ops-updater.pid").string() + ")\"; exit 1; fi");
    REQUIRE_EXIT(probation.scene.pass(), 0);
    probation.scene.want(probation.next);
    probation.scene.host.raise("kill");
    REQUIRE_EXIT(probation.scene.pass(), 137);
    REQUIRE(probation.scene.host.version("falcon-agent") == "1.0.1\n");
    CHECK_EXIT(probation.scene.pass(), 0);
    CHECK(probation.scene.host.runs_only(probation.next));
    CHECK(probation.scene.host.count(probation.next, "start") == 2);
    CHECK_EXIT(probation.crash_and_pass(), 1);  // now it counts
    CHECK(probation.scene.host.runs_only(probation.good));
}

TEST_CASE("deaths are counted while ops-meta is down, too") {
    Probation probation;
    probation.upgrade();
    probation.scene.meta.shut_down();
    CHECK_EXIT(probation.crash_and_pass(), 69);
    CHECK(probation.scene.host.runs_only(probation.next));
    CHECK_EXIT(probation.crash_and_pass(), 69);
    CHECK(probation.scene.host.runs_only(probation.good));
}

TEST_CASE("deaths in an earlier life of the same version do not count") {
    Probation probation;
    probation.upgrade();
    CHECK_EXIT(probation.crash_and_pass(), 0);
    const Release third = probation.scene.release("falcon-agent", "1.0.2");
    probation.scene.want(third);
    CHECK_EXIT(probation.scene.pass(), 0);
    probation.scene.want(probation.next);
    CHECK_EXIT(probation.scene.pass(), 0);
    CHECK_EXIT(probation.crash_and_pass(), 0);
    CHECK(probation.scene.host.runs_only(probation.next));
}
