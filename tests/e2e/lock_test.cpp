// One pass at a time.

#include <algorithm>
#include <list>

#include "expect.hpp"

using namespace e2e;

namespace {

/// A pass that waits in the middle, for a download.
struct Waiting {
    explicit Waiting(Scene& scene) : agent(scene.release("slow-agent", "1.0.0")) {
        agent.file("blob", noise(100000));
        scene.want(agent);
        scene.meta.behave(agent.path(), {.hold_after = 1000});
    }
    Release agent;
};

/// Everything that process PID has open, as link texts.
Words open_files(pid_t pid) {
    Words links;
    for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
        links.push_back(entry.path().filename().string() + " " +
                        fs::read_symlink(entry.path()).string());
    std::sort(links.begin(), links.end());
    return links;
}

}  // namespace

TEST_CASE("of two passes at once the second ends at once with 75 and names the first's pid") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        const Waiting waiting(scene);
        Process first = scene.start_pass();
        REQUIRE(eventually([&] { return scene.meta.count(waiting.agent.path()) == 1; }));
        CHECK_CONTAINS(read_file(scene.host.ops / "ops-updater.pid"), std::to_string(first.pid()));
        const Result second = scene.pass();
        CHECK_EXIT(second, 75);
        CHECK(second.seconds < 5);
        CHECK_CONTAINS(second.err, std::to_string(first.pid()));
        CHECK(scene.meta.reports().size() == 1);
        scene.meta.let_go();
        CHECK_EXIT(first.wait(), 0);
        CHECK_EXIT(scene.pass(), 0);
    }
}

TEST_CASE("of ten passes at once one runs and nine end with 75") {
    Scene scene;
    const Waiting waiting(scene);
    std::list<Process> passes;
    for (int i = 0; i < 10; ++i)
        passes.emplace_back(scene.host.launch(Scene::options({})));
    REQUIRE(eventually([&] { return scene.meta.count(waiting.agent.path()) == 1; }));
    CHECK(eventually([&] {
        int running = 0;
        for (auto& pass : passes)
            running += pass.running() ? 1 : 0;
        return running == 1;
    }));
    scene.meta.let_go();
    int won = 0;
    for (auto& pass : passes) {
        const Result result = pass.wait();
        won += result.code == 0 ? 1 : 0;
        if (result.code != 0) CHECK_EXIT(result, 75);
    }
    CHECK(won == 1);
    CHECK(scene.host.deeds("slow-agent") == Words{"1.0.0 start"});
}

TEST_CASE("a pass in its splay is named with the time until which it sleeps") {
    Scene scene;
    RunOptions options;
    options.bare = true;
    options.args = {"--ops-dir=" + scene.host.ops.string(), "--server=" + scene.host.server,
                    "--config=" + scene.host.config_file().string(), "--splay=80000"};
    scene.host.write(scene.host.config_file(), "{}\n");
    Process first = scene.host.start(options);
    REQUIRE(eventually([&] {
        return contains(read_if_there(scene.host.ops / "ops-updater.pid").value_or(""),
                        std::to_string(first.pid()));
    }));
    Result second;
    CHECK(eventually([&] {
        second = scene.pass();
        return contains(second.err, "splay");
    }));
    CHECK_EXIT(second, 75);
    CHECK_CONTAINS(second.err, std::to_string(first.pid()));
    CHECK_CONTAINS(second.err, "until");
    CHECK(scene.meta.reports().empty());
    first.kill(SIGTERM);
    CHECK_EXIT(first.wait(), 143);
}

TEST_CASE("`flock DIR cmd` from a shell excludes a pass, which then speaks of another program") {
    Scene scene;
    RunOptions options;
    options.bare = true;
    options.program = "/usr/bin/flock";
    options.args = {scene.host.ops.string(), "sh", "-c",
                    "touch " + scene.host.flag("locked") + "; while [ ! -e " +
                        scene.host.flag("go") + " ]; do sleep 0.02; done"};
    Process flock = scene.host.start(options);
    REQUIRE(eventually([&] { return scene.host.raised("locked"); }));
    const Result result = scene.pass();
    CHECK_EXIT(result, 75);
    CHECK_CONTAINS(result.err, "another program");
    CHECK(scene.meta.reports().empty());
    scene.host.raise("go");
    flock.wait();
    CHECK_EXIT(scene.pass(), 0);
}

TEST_CASE("a pass excludes `flock DIR cmd`") {
    Scene scene;
    const Waiting waiting(scene);
    Process pass = scene.start_pass();
    REQUIRE(eventually([&] { return scene.meta.count(waiting.agent.path()) == 1; }));
    const std::string try_lock = "flock -n '" + scene.host.ops.string() + "' true";
    CHECK_THROWS(shell(try_lock));
    scene.meta.let_go();
    CHECK_EXIT(pass.wait(), 0);
    CHECK_NOTHROW(shell(try_lock));
}

TEST_CASE("a dry run takes the lock, a status does not") {
    Scene scene;
    const Waiting waiting(scene);
    Process pass = scene.start_pass();
    REQUIRE(eventually([&] { return scene.meta.count(waiting.agent.path()) == 1; }));
    CHECK_EXIT(scene.pass({"--dry-run"}), 75);
    CHECK_EXIT(scene.pass({"--status"}), 0);
    scene.meta.let_go();
    CHECK_EXIT(pass.wait(), 0);
}

TEST_CASE("kill -9 frees the lock at once") {
    Scene scene;
    const Waiting waiting(scene);
    Process pass = scene.start_pass();
    REQUIRE(eventually([&] { return scene.meta.count(waiting.agent.path()) == 1; }));
    pass.kill(SIGKILL);
    CHECK_EXIT(pass.wait(), 137);
    scene.meta.behave_again(waiting.agent.path());
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(waiting.agent));
}

TEST_CASE("the started agents hold neither the lock nor a pipe nor any other descriptor") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        const Release falcon = scene.release("falcon-agent", "1.0.0");
        const Release old = scene.release("dinp-agent", "1.0.0");
        const Release next = scene.release("dinp-agent", "1.0.1");
        scene.host.has_running(old);
        scene.want(falcon);
        scene.want(next);
        REQUIRE_EXIT(scene.pass(), 0);
        CHECK_NOTHROW(shell("flock -n '" + scene.host.ops.string() + "' true"));
        for (const Release* agent : {&falcon, &next}) {
            const auto pid = scene.host.daemon_pid(*agent);
            REQUIRE(pid);
            const std::string log = (scene.host.agent_dir(agent->name()) / "control.log").string();
            const Words expected = {"0 /dev/null", "1 " + log, "2 " + log};
            // Until its exec it is a copy of the script's sh, with the script open.
            eventually([&] { return open_files(*pid) == expected; }, seconds(3));
            CHECK(open_files(*pid) == expected);
        }
    }
}

TEST_CASE("the pid file holds the pid of the pass") {
    Scene scene;
    const Waiting waiting(scene);
    Process pass = scene.start_pass();
    REQUIRE(eventually([&] { return scene.meta.count(waiting.agent.path()) == 1; }));
    CHECK(std::stoi(read_file(scene.host.ops / "ops-updater.pid")) == pass.pid());
    scene.meta.let_go();
    CHECK_EXIT(pass.wait(), 0);
}
