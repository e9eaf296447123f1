// A bad version is remembered and waited out.
#include "expect.hpp"

using namespace e2e;

namespace {

struct Waiting {
    explicit Waiting(const std::string& retry_after = "600")
        : good(scene.release("falcon-agent", "1.0.0")),
          bad(scene.release("falcon-agent", "1.0.1")) {
        scene.host.set("rollback", "{retry_after: " + retry_after + "}");
        scene.host.timeout("start", 1);
        bad.instead_of("start", "[ -e " + scene.host.flag("mended") +
                                    " ] || { echo 'no luck'; exit 3; }; sleep 600 & echo $! >pid");
        scene.want(good);
        REQUIRE_EXIT(scene.pass(), 0);
    }

    void fail_once(const Json& extra = Json::object()) {
        scene.want(bad, "start", extra);
        REQUIRE_EXIT(scene.pass(), 1);
        REQUIRE(scene.host.count(bad, "start") == 1);
        scene.meta.forget_requests();
    }

    [[nodiscard]] int tries() const { return scene.host.count(bad, "start"); }

    Scene scene;
    Release good;
    Release bad;
};

}  // namespace

TEST_CASE("a bad version is not tried again before its time, and the good one is kept running") {
    Waiting waiting;
    waiting.fail_once();
    for (int i = 0; i < 3; ++i)
        CHECK_EXIT(waiting.scene.pass(), 1);
    CHECK(waiting.tries() == 1);
    CHECK(waiting.scene.meta.count(waiting.bad.path()) == 0);
    CHECK(waiting.scene.host.runs_only(waiting.good));
    waiting.scene.host.crash(waiting.good);
    CHECK_EXIT(waiting.scene.pass(), 1);
    CHECK(waiting.scene.host.runs_only(waiting.good));
}

TEST_CASE("the plan and the log say why nothing happens, and until when") {
    Waiting waiting;
    waiting.fail_once();
    const Result result = waiting.scene.pass();
    CHECK_CONTAINS(result.err, "1.0.1");
    const Json plan = waiting.scene.plan_of("falcon-agent");
    CHECK(plan.at("actions") == Json::array());
    CHECK_CONTAINS(plan.at("reason").get<std::string>(), "1.0.1");
    CHECK_EXIT(waiting.scene.pass({"--dry-run"}), 0);
}

TEST_CASE("while a version is waited out, stop stops the good one") {
    Waiting waiting;
    waiting.fail_once();
    waiting.scene.want(waiting.bad, "stop");
    waiting.scene.pass();
    CHECK(waiting.scene.host.running_versions("falcon-agent") == Words{});
    CHECK(waiting.tries() == 1);
    waiting.scene.want(waiting.bad, "start");
    CHECK_EXIT(waiting.scene.pass(), 1);
    CHECK(waiting.scene.host.runs_only(waiting.good));
    CHECK(waiting.tries() == 1);
}

TEST_CASE("after retry_after it is tried again, staged anew, and a success ends the matter") {
    Waiting waiting("1");
    waiting.fail_once();
    waiting.scene.host.raise("mended");
    CHECK(eventually([&] { return waiting.scene.pass().code == 0; }, seconds(8)));
    CHECK(waiting.scene.host.runs_only(waiting.bad));
    CHECK(waiting.tries() == 2);
    CHECK(waiting.scene.meta.count(waiting.bad.path()) == 1);
    CHECK(waiting.scene.status_of("falcon-agent").at("failed") == nullptr);
    CHECK_EXIT(waiting.scene.pass(), 0);
    CHECK_FALSE(waiting.scene.reported("falcon-agent").contains("error"));
}

TEST_CASE("the wait doubles with each failure") {
    Waiting waiting("1");
    const auto wait_told = [&] {
        const auto at =
            waiting.scene.status_of("falcon-agent").at("failed").at("retry_at").get<std::string>();
        return std::stoll(shell("date -d " + at + " +%s")) - std::stoll(shell("date +%s"));
    };
    waiting.fail_once();
    CHECK(wait_told() <= 1);
    CHECK(eventually(
        [&] {
            waiting.scene.pass();
            return waiting.tries() == 2;
        },
        seconds(8)));
    const auto second = wait_told();
    CHECK(second <= 2);
    CHECK(eventually(
        [&] {
            waiting.scene.pass();
            return waiting.tries() == 3;
        },
        seconds(8)));
    const auto third = wait_told();
    CHECK(third >= 3);
    CHECK(third <= 4);
}

TEST_CASE("--retry ends the wait, for this pass") {
    Waiting waiting;
    waiting.fail_once();
    CHECK_EXIT(waiting.scene.pass({"--retry"}), 1);
    CHECK(waiting.tries() == 2);
    CHECK(waiting.scene.meta.count(waiting.bad.path()) == 1);
    CHECK_EXIT(waiting.scene.pass(), 1);
    CHECK(waiting.tries() == 2);
    waiting.scene.host.raise("mended");
    CHECK_EXIT(waiting.scene.pass({"--retry"}), 0);
    CHECK(waiting.scene.host.runs_only(waiting.bad));
}

TEST_CASE("another version ends the wait") {
    Waiting waiting;
    waiting.fail_once();
    const Release next = waiting.scene.release("falcon-agent", "1.0.2");
    waiting.scene.want(next);
    CHECK_EXIT(waiting.scene.pass(), 0);
    CHECK(waiting.scene.host.runs_only(next));
}

TEST_CASE("the old version wanted again is no failure") {
    Waiting waiting;
    waiting.fail_once();
    waiting.scene.want(waiting.good);
    CHECK_EXIT(waiting.scene.pass(), 0);
    CHECK(waiting.scene.host.runs_only(waiting.good));
}

TEST_CASE(
    "another digest of the same version ends the wait: its digest file is asked in each pass") {
    Waiting waiting;
    waiting.fail_once();
    CHECK_EXIT(waiting.scene.pass(), 1);
    CHECK_EXIT(waiting.scene.pass(), 1);
    CHECK(waiting.scene.meta.count(waiting.bad.md5_path()) == 2);
    Release mended = waiting.scene.release("falcon-agent", "1.0.1");
    mended.file("mended", "yes");
    waiting.scene.want(mended);
    CHECK_EXIT(waiting.scene.pass(), 0);
    CHECK(waiting.scene.host.runs_only(mended));
    CHECK(waiting.scene.host.difference(mended) == "");
}

TEST_CASE(
    "a digest file that cannot be had while a version is waited out is no failure of its own") {
    Waiting waiting;
    waiting.fail_once();
    waiting.scene.meta.remove(waiting.bad.md5_path());
    CHECK_EXIT(waiting.scene.pass(), 1);
    CHECK(waiting.tries() == 1);
    CHECK(waiting.scene.host.runs_only(waiting.good));
    CHECK(waiting.scene.status_of("falcon-agent").at("failed").at("version") == "1.0.1");
}

TEST_CASE("another inline digest ends the wait, and no digest file is asked for") {
    Waiting waiting;
    waiting.fail_once({{"md5", waiting.bad.md5()}});
    CHECK_EXIT(waiting.scene.pass(), 1);
    CHECK(waiting.tries() == 1);
    CHECK(waiting.scene.meta.count(waiting.bad.md5_path()) == 0);
    Release mended = waiting.scene.release("falcon-agent", "1.0.1");
    mended.file("mended", "yes");
    waiting.scene.want(mended, "start", {{"md5", mended.md5()}});
    CHECK_EXIT(waiting.scene.pass(), 0);
    CHECK(waiting.scene.host.runs_only(mended));
    CHECK(waiting.scene.host.difference(mended) == "");
}

TEST_CASE(
    "a failed download, digest or unpack makes no version bad: the next pass simply tries again") {
    struct Case {
        const char* what;
        std::function<void(Scene&, const Release&)> break_it;
    };
    const std::vector<Case> cases = {
        {"404", [](Scene& scene, const Release& next) { scene.meta.remove(next.path()); }},
        {"503", [](Scene& scene,
                   const Release& next) { scene.meta.behave(next.path(), {.status = 503}); }},
        {"cut", [](Scene& scene,
                   const Release& next) { scene.meta.behave(next.path(), {.cut_after = 10}); }},
        {"no digest",
         [](Scene& scene, const Release& next) { scene.meta.remove(next.md5_path()); }},
        {"wrong digest",
         [](Scene& scene, const Release& next) {
             scene.meta.put(next.md5_path(), std::string(32, '0'));
         }},
        {"no archive",
         [](Scene& scene, const Release& next) {
             scene.meta.put(next.path(), "not a tarball");
             scene.meta.put(next.md5_path(), md5_hex("not a tarball"));
         }},
    };
    for (const auto& each : cases) {
        CAPTURE(each.what);
        Scene scene;
        scene.host.set("download", "{retries: 0}");
        const Release old = scene.release("falcon-agent", "1.0.0");
        const Release next = scene.release("falcon-agent", "1.0.1");
        scene.host.has_running(old);
        scene.want(next);
        each.break_it(scene, next);
        REQUIRE_EXIT(scene.pass(), 1);
        CHECK(scene.host.runs_only(old));
        CHECK(scene.host.deeds("falcon-agent") == Words{});
        CHECK(scene.status_of("falcon-agent").at("failed") == nullptr);
        scene.publish(next);
        scene.meta.behave_again(next.path());
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.host.runs_only(next));
        CHECK(scene.host.difference(next) == "");
    }
}

TEST_CASE("one agent's bad version is waited out while the others go on") {
    Waiting waiting;
    waiting.fail_once();
    const Release other = waiting.scene.release("dinp-agent", "2.0.0");
    waiting.scene.want(other);
    CHECK_EXIT(waiting.scene.pass(), 1);
    CHECK(waiting.scene.host.runs_only(other));
    CHECK(waiting.tries() == 1);
}

TEST_CASE("a corrupt or foreign memory is set aside, never fatal") {
    Waiting waiting;
    waiting.fail_once();
    for (const std::string junk : {"", "{", "junk", "[]", "{\"deployed\": 7}", "\xff\xff"}) {
        CAPTURE(junk);
        for (const auto& path : tree(waiting.scene.host.ops / ".ops-updater"))
            if (path.back() != '/') waiting.scene.host.write(".ops-updater/" + path, junk, 0600);
        const Result result = waiting.scene.pass();
        CHECK((result.code == 0 || result.code == 1));
        CHECK(waiting.scene.host.runs_only(waiting.good));
        CHECK_EXIT(waiting.scene.pass({"--status"}), 0);
    }
}

TEST_CASE("lost memory is no trouble for what runs") {
    Waiting waiting;
    fs::remove_all(waiting.scene.host.ops / ".ops-updater");
    waiting.scene.host.forget_journal();
    CHECK_EXIT(waiting.scene.pass(), 0);
    CHECK(waiting.scene.host.deeds("falcon-agent") == Words{});
    CHECK(waiting.scene.host.runs_only(waiting.good));
}
