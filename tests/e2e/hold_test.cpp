// A held agent is reported and never touched.
#include "expect.hpp"

using namespace e2e;

namespace {

/// An agent that would be upgraded, started and cleaned, were it not held.
struct Held {
    explicit Held(bool by_file = true)
        : old(scene.release("falcon-agent", "1.0.0")),
          next(scene.release("falcon-agent", "1.0.1")),
          other(scene.release("dinp-agent", "2.0.0")) {
        scene.host.has(old);
        scene.host.write(scene.host.tarball(old), old.tarball());  // a relic
        scene.want(next);
        scene.want(other);
        if (by_file)
            scene.host.write("falcon-agent/.hold", "INC-4711: core dump analysis (liu)\nmore\n");
        else
            scene.host.set("hold", "[falcon-agent]");
    }

    Scene scene;
    Release old;
    Release next;
    Release other;
};

}  // namespace

TEST_CASE("a held agent is never touched, its files neither; the pass ends with 0") {
    for (const bool by_file : {true, false}) {
        CAPTURE(by_file);
        Held held(by_file);
        auto before = snapshot(held.scene.host.agent_dir("falcon-agent"));
        CHECK_EXIT(held.scene.pass(), 0);
        CHECK_EXIT(held.scene.pass(), 0);
        CHECK(snapshot(held.scene.host.agent_dir("falcon-agent")) == before);
        CHECK(held.scene.host.deeds("falcon-agent") == Words{});
        CHECK(held.scene.meta.count(held.next.path()) == 0);
        CHECK(held.scene.reported("falcon-agent").at("version") == "1.0.0");
        CHECK(held.scene.reported("falcon-agent").at("status") == "stoped");
        CHECK(held.scene.host.runs_only(held.other));
    }
}

TEST_CASE("a running agent that is to be stopped runs on while it is held") {
    Held held;
    REQUIRE(held.scene.host.control(held.old, "start") == 0);
    held.scene.want(held.next, "stop");
    CHECK_EXIT(held.scene.pass(), 0);
    CHECK(held.scene.host.alive(held.old));
}

TEST_CASE("the first line of .hold is the reason, in plan, status and log") {
    Held held;
    const std::string reason = "INC-4711: core dump analysis (liu)";
    CHECK_CONTAINS(held.scene.plan_of("falcon-agent").at("reason").get<std::string>(), reason);
    CHECK(held.scene.plan_of("falcon-agent").at("actions") == Json::array());
    CHECK(held.scene.status_of("falcon-agent").at("held") == reason);
    CHECK_CONTAINS(held.scene.pass({"--status"}).out, reason);
    CHECK_CONTAINS(held.scene.pass({"--dry-run"}).out, reason);
    const Result result = held.scene.pass();
    CHECK_CONTAINS(result.err, reason);
    CHECK_LACKS(result.err, "more");
}

TEST_CASE("a hold by configuration shows in the status, too") {
    Held held(false);
    CHECK(held.scene.status_of("falcon-agent").at("held").is_string());
    CHECK(held.scene.status_of("dinp-agent") == nullptr);
    held.scene.pass();
    CHECK(held.scene.status_of("dinp-agent").at("held") == nullptr);
}

TEST_CASE("an empty .hold holds, too") {
    Held held;
    held.scene.host.write("falcon-agent/.hold", "");
    CHECK_EXIT(held.scene.pass(), 0);
    CHECK(held.scene.host.deeds("falcon-agent") == Words{});
    CHECK(held.scene.status_of("falcon-agent").at("held").is_string());
}

TEST_CASE("a reason with control characters reaches the terminal without them") {
    Held held;
    held.scene.host.write("falcon-agent/.hold", "\x1b[2J\x07 wait\r\n");
    for (const auto& args : std::vector<Words>{{}, {"--dry-run"}, {"--status"}}) {
        const Result result = held.scene.pass(args);
        CHECK_CONTAINS(result.out + result.err, "wait");
        CHECK_LACKS(result.out + result.err, "\x1b");
        CHECK_LACKS(result.out + result.err, "\x07");
        CHECK_LACKS(result.out + result.err, "\r");
    }
}

TEST_CASE("when the hold is gone, the agent is handled") {
    Held held;
    REQUIRE_EXIT(held.scene.pass(), 0);
    fs::remove(held.scene.host.agent_dir("falcon-agent") / ".hold");
    CHECK_EXIT(held.scene.pass(), 0);
    CHECK(held.scene.host.runs_only(held.next));
}

TEST_CASE("a hold that comes while the new version is downloaded is seen before the stop") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    Release next = scene.release("falcon-agent", "1.0.1");
    next.file("blob", noise(100000));
    scene.host.has_running(old);
    scene.want(next);
    scene.meta.behave(next.path(), {.hold_after = 1000});
    Process pass = scene.start_pass();
    REQUIRE(eventually([&] { return scene.meta.count(next.path()) == 1; }));
    scene.host.write("falcon-agent/.hold", "wait for me\n");
    scene.meta.let_go();
    CHECK_EXIT(pass.wait(), 0);
    CHECK(scene.host.runs_only(old));
    CHECK(scene.host.deeds("falcon-agent") == Words{});
}

TEST_CASE("a held agent's bad memory and bad entry do not matter") {
    Held held;
    held.scene.host.write("falcon-agent/.version", "../../etc\n");
    held.scene.pass();
    CHECK(held.scene.host.deeds("falcon-agent") == Words{});
    CHECK(held.scene.host.version("falcon-agent") == "../../etc\n");
}

TEST_CASE("a .hold keeps a fresh agent from being installed") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.write("falcon-agent/.hold", "not on this host\n");
    scene.want(agent);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(tree(scene.host.agent_dir("falcon-agent")) == Words{".hold"});
}

TEST_CASE("several agents are held by the configuration") {
    Scene scene;
    const Release falcon = scene.release("falcon-agent", "1.0.0");
    const Release dinp = scene.release("dinp-agent", "1.0.0");
    const Release links = scene.release("links-agent", "1.0.0");
    for (const auto* agent : {&falcon, &dinp, &links}) {
        scene.host.has(*agent);
        scene.want(*agent);
    }
    scene.host.set("hold", "[falcon-agent, links-agent]");
    CHECK_EXIT(scene.pass(), 0);
    CHECK_FALSE(scene.host.alive(falcon));
    CHECK_FALSE(scene.host.alive(links));
    CHECK(scene.host.runs_only(dinp));
}
