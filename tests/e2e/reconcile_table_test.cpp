// The four cells of the reconcile table, with every state that a script can tell.
#include "expect.hpp"

using namespace e2e;

namespace {

constexpr const char* agent_name = "falcon-agent";

/// The agent as it is before the pass: its status, by what its script prints.
enum class Found { started, stopped, unknown };

void put_there(Scene& scene, Release& agent, Found found) {
    if (found == Found::unknown) agent.status_says("");
    if (found == Found::started)
        scene.host.has_running(agent);
    else
        scene.host.has(agent);
}

}  // namespace

TEST_CASE("C = V, start: a started agent is left alone") {
    Scene scene;
    Release agent = scene.release(agent_name, "1.0.0");
    put_there(scene, agent, Found::started);
    scene.want(agent);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds(agent_name) == Words{});
    CHECK(scene.meta.requests().size() == 1);
}

TEST_CASE("C = V, start: a stopped agent is started") {
    Scene scene;
    Release agent = scene.release(agent_name, "1.0.0");
    put_there(scene, agent, Found::stopped);
    scene.want(agent);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds(agent_name) == Words{"1.0.0 start"});
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.meta.requests().size() == 1);
}

TEST_CASE("C = V, start: an unknown agent is started again") {
    Scene scene;
    Release agent = scene.release(agent_name, "1.0.0");
    // Unknown until it was started once.
    agent.instead_of("status", "[ -e pid ] && echo started");
    scene.host.has(agent);
    scene.want(agent);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds(agent_name) == Words{"1.0.0 start"});
    CHECK(scene.host.runs_only(agent));
}

TEST_CASE("C = V, start: an agent that never says started has failed, and is not undone") {
    Scene scene;
    Release agent = scene.release(agent_name, "1.0.0");
    put_there(scene, agent, Found::unknown);
    scene.host.timeout("start", 1);
    scene.want(agent);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "falcon-agent");
    CHECK(scene.host.version(agent_name) == "1.0.0\n");
}

TEST_CASE("C = V, stop: a stopped agent is left alone") {
    Scene scene;
    Release agent = scene.release(agent_name, "1.0.0");
    put_there(scene, agent, Found::stopped);
    scene.want(agent, "stop");
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds(agent_name) == Words{});
}

TEST_CASE("C = V, stop: a started agent is stopped") {
    Scene scene;
    Release agent = scene.release(agent_name, "1.0.0");
    put_there(scene, agent, Found::started);
    scene.want(agent, "stop");
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds(agent_name) == Words{"1.0.0 stop"});
    CHECK_FALSE(scene.host.alive(agent));
    CHECK(scene.host.version(agent_name) == "1.0.0\n");
}

TEST_CASE("C = V, stop: an unknown agent is stopped, and a stop that exited 0 will do") {
    Scene scene;
    Release agent = scene.release(agent_name, "1.0.0");
    put_there(scene, agent, Found::unknown);
    scene.host.timeout("stop", 1);
    scene.want(agent, "stop");
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds(agent_name) == Words{"1.0.0 stop"});
}

TEST_CASE("C = V, stop: an agent that will not stop is a failure") {
    Scene scene;
    Release agent = scene.release(agent_name, "1.0.0");
    agent.stop_refuses();
    put_there(scene, agent, Found::started);
    scene.host.timeout("stop", 1);
    scene.want(agent, "stop");
    CHECK_EXIT(scene.pass(), 1);
    CHECK(scene.host.alive(agent));
}

TEST_CASE("C is not V, start: from every state the new version comes up") {
    for (const Found found : {Found::started, Found::stopped, Found::unknown}) {
        CAPTURE(static_cast<int>(found));
        Scene scene;
        Release old = scene.release(agent_name, "1.0.0");
        const Release next = scene.release(agent_name, "1.0.1");
        put_there(scene, old, found);
        scene.host.timeout("stop", 1);
        scene.want(next);
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.host.runs_only(next));
        CHECK(scene.host.count(next, "start") == 1);
        if (found == Found::started) CHECK(scene.host.count(old, "stop") == 1);
        CHECK_FALSE(scene.host.alive(old));
        CHECK(scene.meta.count(next.path()) == 1);
    }
}

TEST_CASE("C is not V, stop: from every state the new version is there and nothing runs") {
    for (const Found found : {Found::started, Found::stopped, Found::unknown}) {
        CAPTURE(static_cast<int>(found));
        Scene scene;
        Release old = scene.release(agent_name, "1.0.0");
        const Release next = scene.release(agent_name, "1.0.1");
        put_there(scene, old, found);
        scene.host.timeout("stop", 1);
        scene.want(next, "stop");
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.host.version(agent_name) == "1.0.1\n");
        CHECK(scene.host.running_versions(agent_name) == Words{});
        CHECK(scene.host.difference(next) == "");
        CHECK(scene.host.count(next, "start") == 0);
    }
}

TEST_CASE("only the output of status decides, not its exit code") {
    struct Case {
        const char* script;
        const char* wire;
    };
    const std::vector<Case> cases = {
        {"echo started; exit 1", "started"},
        {"echo stoped; exit 7", "stoped"},
        {"echo stopped", "stoped"},
        {"echo 'falcon-agent is started (pid 12)'", "started"},
        {"printf 'pid 12\\nstarted\\nup for 3 days\\n'", "started"},
        {"echo 'agent: stopped'", "stoped"},
        {"echo started >&2", "started"},
        {"echo started; echo stoped", "unknown"},
        {"echo restarted, then stopped", "unknown"},
        {"true", "unknown"},
        {"echo STARTED", "unknown"},
        {"echo running", "unknown"},
        {"echo started; kill -9 $$", "unknown"},
    };
    for (const auto& each : cases) {
        CAPTURE(each.script);
        Scene scene;
        Release agent = scene.release(agent_name, "1.0.0");
        agent.instead_of("status", each.script);
        scene.host.has(agent);
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.reported(agent_name).at("status") == each.wire);
    }
}

TEST_CASE("a script that could not run means unknown, and is an agent with trouble") {
    struct Case {
        const char* content;
        mode_t mode;
    };
    const std::vector<Case> cases = {
        {"#!/bin/sh\necho started\n", 0644},  // not executable
        {"#!/no/such/interpreter\n", 0755},   // no interpreter
        {"\x7f"
         "ELF nonsense",
         0755},  // no program of this machine
    };
    for (const auto& each : cases) {
        CAPTURE(each.content);
        Scene scene;
        const Release other = scene.release("dinp-agent", "2.0.0");
        scene.host.write("falcon-agent/1.0.0/control", each.content, each.mode);
        scene.host.write("falcon-agent/.version", "1.0.0\n");
        scene.want(other);
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.reported(agent_name).at("status") == "unknown");
        CHECK(scene.host.runs_only(other));
    }
}

TEST_CASE("the state comes from status alone, never from memory") {
    Scene scene;
    const Release agent = scene.release(agent_name, "1.0.0");
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 0);
    REQUIRE(scene.host.control(agent, "stop") == 0);  // by hand
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
    scene.host.crash(agent);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
}

TEST_CASE("one agent's failure never stops another's handling") {
    Scene scene;
    const std::vector<std::string> bad = {"bad-download", "bad-digest", "bad-archive", "bad-start",
                                          "bad-status"};
    scene.host.timeout("start", 1);
    scene.host.set("download", "{retries: 0}");
    for (const auto& name : bad) {
        Release agent = scene.release(name, "1.0.0");
        if (name == "bad-start") agent.start_fails();
        if (name == "bad-status") agent.status_says("");
        if (name == "bad-archive") agent.published_as("no archive at all");
        scene.want(agent);
        if (name == "bad-download") scene.meta.remove(agent.path());
        if (name == "bad-digest") scene.meta.put(agent.md5_path(), std::string(32, '3'));
    }
    const Release first = scene.release("a-good-one", "1.0.0");
    const Release last = scene.release("z-good-one", "1.0.0");
    const Release old = scene.release("m-good-one", "1.0.0");
    const Release next = scene.release("m-good-one", "1.0.1");
    scene.host.has_running(old);
    for (const auto* agent : {&first, &last, &next})
        scene.want(*agent);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    for (const auto& name : bad)
        CHECK_CONTAINS(result.err, name);
    for (const auto* agent : {&first, &last, &next})
        CHECK(scene.host.runs_only(*agent));
}

TEST_CASE("--agent handles only these, and the report stays complete") {
    Scene scene;
    const Release falcon = scene.release("falcon-agent", "1.0.0");
    const Release dinp = scene.release("dinp-agent", "2.0.0");
    const Release links = scene.release("links-agent", "3.0.0");
    for (const auto* agent : {&falcon, &dinp, &links}) {
        scene.host.has(*agent);
        scene.want(*agent);
    }
    CHECK_EXIT(scene.pass({"--agent=falcon-agent", "--agent=links-agent"}), 0);
    CHECK(scene.host.alive(falcon));
    CHECK(scene.host.alive(links));
    CHECK_FALSE(scene.host.alive(dinp));
    CHECK(scene.last_report().size() == 3);
    scene.host.set("agents", "[dinp-agent]");
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.alive(dinp));
}
