// The switch from one version to another.
#include <sys/stat.h>

#include "expect.hpp"

using namespace e2e;

TEST_CASE("an upgrade stops the old version, then starts the new one") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        const Release old = scene.release("falcon-agent", "1.0.0");
        const Release next = scene.release("falcon-agent", "1.0.1");
        scene.host.has_running(old);
        scene.want(next);
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 stop", "1.0.1 start"});
        CHECK(scene.host.runs_only(next));
        CHECK(scene.host.difference(next) == "");
        CHECK(scene.host.difference(old) == "");
        CHECK(scene.host.leftovers() == Words{});
    }
}

TEST_CASE("an upgrade keeps the old version running while the new one is downloaded") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        const Release old = scene.release("falcon-agent", "1.0.0");
        Release next = scene.release("falcon-agent", "1.0.1");
        next.file("blob", noise(100000));
        scene.host.has_running(old);
        scene.want(next);
        scene.meta.behave(next.path(), {.hold_after = 50000});
        Process pass = scene.start_pass();
        REQUIRE(eventually([&] { return scene.meta.count(next.path()) == 1; }));
        const fs::path part = scene.host.tarball(next).string() + ".part";
        CHECK(eventually([&] { return fs::exists(part) && fs::file_size(part) == 50000; }));
        CHECK_FALSE(fs::exists(scene.host.tarball(next)));
        CHECK(scene.host.runs_only(old));
        CHECK(scene.host.deeds("falcon-agent") == Words{});
        scene.meta.let_go();
        CHECK_EXIT(pass.wait(), 0);
        CHECK(scene.host.runs_only(next));
    }
}

TEST_CASE("a downgrade is a switch like any other: versions are never compared") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "10.2.0");
    const Release next = scene.release("falcon-agent", "2.0.0-rc1+git~7");
    scene.host.has_running(old);
    scene.want(next);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(next));
}

TEST_CASE("max_rate is for the whole pass: one download has all of it, several share it") {
    Scene scene;
    scene.host.set("download", "{jobs: 4, max_rate: 400K}");
    std::vector<Release> agents;
    for (const char* name : {"falcon-agent", "dinp-agent", "links-agent"}) {
        agents.push_back(scene.release(name, "1.0.0"));
        agents.back().file("blob", noise(700'000));
    }
    scene.want(agents[0]);
    const Result alone = scene.pass();
    CHECK_EXIT(alone, 0);
    CHECK(alone.seconds > 0.6);  // the first second's worth may come at once
    CHECK(alone.seconds < 5);    // a fourth of the rate would take 7
    scene.want(agents[1]);
    scene.want(agents[2]);
    const Result both = scene.pass();
    CHECK_EXIT(both, 0);
    CHECK(both.seconds > 2);
}

TEST_CASE("a version that is complete on disk is not downloaded") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.has_running(old);
    scene.host.unpack(next);
    scene.want(next);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(next));
    CHECK(scene.meta.requests().size() == 1);
}

TEST_CASE("if the old version will not stop, the new one is not started") {
    Scene scene;
    Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    SUBCASE("stop exits with 1") {
        old.stop_refuses();
    }
    SUBCASE("stop exits with 0 and the status stays started") {
        old.instead_of("stop", "exit 0");
    }
    SUBCASE("the daemon ignores SIGTERM") {
        old.daemon_ignores_term();
    }
    SUBCASE("stop hangs") {
        old.stop_hangs();
    }
    scene.host.timeout("stop", 1);
    scene.host.has_running(old);
    scene.want(next);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "1.0.0");
    CHECK(scene.host.count(next, "start") == 0);
    CHECK(scene.host.runs_only(old));
}

TEST_CASE("what stop printed is in the log when it fails") {
    Scene scene;
    Release old = scene.release("falcon-agent", "1.0.0");
    old.instead_of("stop", "echo 'the lease is still held'; exit 4");
    scene.host.timeout("stop", 1);
    scene.host.has_running(old);
    scene.want(scene.release("falcon-agent", "1.0.1"));
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "the lease is still held");
}

TEST_CASE("where the status stays unknown, a stop that exited 0 counts as stopped") {
    Scene scene;
    Release old = scene.release("falcon-agent", "1.0.0");
    old.status_says("no idea\\n");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.timeout("stop", 1);
    scene.host.has(old);
    scene.want(next);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 stop", "1.0.1 start"});
    CHECK(scene.host.runs_only(next));
}

TEST_CASE("where the status stays unknown, a stop that failed does not count") {
    Scene scene;
    Release old = scene.release("falcon-agent", "1.0.0");
    old.status_says("no idea\\n").stop_refuses();
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.timeout("stop", 1);
    scene.host.has(old);
    scene.want(next);
    CHECK_EXIT(scene.pass(), 1);
    CHECK(scene.host.count(next, "start") == 0);
    CHECK(scene.host.version("falcon-agent") == "1.0.0\n");
}

TEST_CASE("to a version that is to be stopped: the old one is stopped first, then staging begins") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    Release next = scene.release("falcon-agent", "1.0.1");
    next.file("blob", noise(100000));
    scene.host.has_running(old);
    scene.want(next, "stop");
    scene.meta.behave(next.path(), {.hold_after = 1000});
    Process pass = scene.start_pass();
    REQUIRE(eventually([&] { return scene.meta.count(next.path()) == 1; }));
    CHECK_FALSE(scene.host.alive(old));
    CHECK(scene.host.version("falcon-agent") == "1.0.0\n");
    scene.meta.let_go();
    CHECK_EXIT(pass.wait(), 0);
    CHECK(scene.host.version("falcon-agent") == "1.0.1\n");
    CHECK(scene.host.difference(next) == "");
    CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 stop"});
}

TEST_CASE("if the new version cannot be staged, the old one is brought to cmd in the same pass") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.set("download", "{retries: 0}");
    SUBCASE("started, since start is wanted") {
        scene.host.has(old);
        scene.want(next, "start", {{"md5", std::string(32, '0')}});
        CHECK_EXIT(scene.pass(), 1);
        CHECK(scene.host.runs_only(old));
    }
    SUBCASE("stopped, since stop is wanted") {
        scene.host.has_running(old);
        scene.want(next, "stop", {{"md5", std::string(32, '0')}});
        CHECK_EXIT(scene.pass(), 1);
        CHECK_FALSE(scene.host.alive(old));
    }
    CHECK(scene.host.version("falcon-agent") == "1.0.0\n");
}

TEST_CASE("agents that need no download come first") {
    Scene scene;
    const Release old = scene.release("a-slow-one", "1.0.0");
    Release next = scene.release("a-slow-one", "1.0.1");
    next.file("blob", noise(100000));
    const Release crashed = scene.release("z-crashed-one", "2.0.0");
    const Release staged_old = scene.release("y-staged-one", "3.0.0");
    const Release staged_new = scene.release("y-staged-one", "3.0.1");
    scene.host.has_running(old);
    scene.host.has(crashed);
    scene.host.has_running(staged_old);
    scene.host.unpack(staged_new);
    scene.want(next);
    scene.want(crashed);
    scene.want(staged_new);
    scene.meta.behave(next.path(), {.hold_after = 1000});
    Process pass = scene.start_pass();
    CHECK(eventually([&] { return scene.host.alive(crashed); }));
    CHECK(eventually([&] { return scene.host.runs_only(staged_new); }));
    scene.meta.let_go();
    CHECK_EXIT(pass.wait(), 0);
    CHECK(scene.host.runs_only(next));
}

TEST_CASE("if .version cannot be written, the old version runs again") {
    // Only an unprivileged user can be kept from writing by a mode.
    for (const User user : users()) {
        if (user == User::self && ::geteuid() == 0) continue;
        Scene scene(user);
        const Release old = scene.release("falcon-agent", "1.0.0");
        const Release next = scene.release("falcon-agent", "1.0.1");
        scene.host.has_running(old);
        scene.host.unpack(next);
        scene.host.write("falcon-agent/control.log", "");
        scene.want(next);
        ::chmod(scene.host.agent_dir("falcon-agent").c_str(), 0555);
        const Result result = scene.pass();
        ::chmod(scene.host.agent_dir("falcon-agent").c_str(), 0755);
        CHECK_EXIT(result, 1);
        CHECK(scene.host.runs_only(old));
        CHECK(scene.host.count(next, "start") == 0);
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.host.runs_only(next));
    }
}

TEST_CASE("the gap between stop and start is the scripts' own time") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.has_running(old);
    scene.want(next);
    REQUIRE_EXIT(scene.pass(), 0);
    double stopped = 0;
    double started = 0;
    for (const auto& event : scene.host.journal()) {
        if (event.verb == "stop") stopped = event.at;
        if (event.verb == "start") started = event.at;
    }
    CHECK(started - stopped < 0.9);  // no fixed sleep of a second or more
}

TEST_CASE("after a start the status is polled until it agrees") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.instead_of("start", "(sleep 0.7; sleep 600 & echo $! >pid) & echo 'coming up'");
    scene.want(agent);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 start"});
    CHECK(eventually([&] { return scene.host.strays().empty(); }));
}

TEST_CASE("after a stop the status is polled until it agrees") {
    Scene scene;
    Release old = scene.release("falcon-agent", "1.0.0");
    old.instead_of("stop", "alive && (sleep 0.5; kill $p) & exit 0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.has_running(old);
    scene.want(next);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 stop", "1.0.1 start"});
    CHECK(scene.host.runs_only(next));
}

TEST_CASE("six agents are upgraded in one pass, each once") {
    Scene scene;
    std::vector<Release> next;
    for (int i = 0; i < 6; ++i) {
        const std::string name = "agent-" + std::to_string(i);
        scene.host.has_running(scene.release(name, "1.0.0"));
        next.push_back(scene.release(name, "1.0.1"));
        scene.want(next.back());
    }
    CHECK_EXIT(scene.pass(), 0);
    for (const auto& agent : next) {
        CHECK(scene.host.runs_only(agent));
        CHECK(scene.host.deeds(agent.name()) == Words{"1.0.0 stop", "1.0.1 start"});
    }
}
