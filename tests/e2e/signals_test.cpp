// SIGTERM and SIGINT at any moment.
#include "expect.hpp"

using namespace e2e;

namespace {

struct Stop {
    int number;
    int code;
};
const std::vector<Stop> stops = {{SIGTERM, 143}, {SIGINT, 130}};

}  // namespace

TEST_CASE("in the splay a pass ends at once") {
    for (const Stop& stop : stops) {
        CAPTURE(stop.number);
        Scene scene;
        scene.host.write(scene.host.config_file(), "{}\n");
        RunOptions options;
        options.bare = true;
        options.args = {"--ops-dir=" + scene.host.ops.string(), "--server=" + scene.host.server,
                        "--config=" + scene.host.config_file().string(), "--splay=80000"};
        Process pass = scene.host.start(options);
        REQUIRE(eventually([&] {
            return contains(read_if_there(scene.host.ops / "ops-updater.pid").value_or(""),
                            std::to_string(pass.pid()));
        }));
        std::this_thread::sleep_for(milliseconds(50));
        pass.kill(stop.number);
        const Result result = pass.wait(seconds(3));
        CHECK_EXIT(result, stop.code);
        CHECK(scene.meta.reports().empty());
    }
}

TEST_CASE("in a download a pass ends at once, and what came is kept for the next one") {
    for (const Stop& stop : stops) {
        CAPTURE(stop.number);
        Scene scene;
        const Release old = scene.release("falcon-agent", "1.0.0");
        Release next = scene.release("falcon-agent", "1.0.1");
        next.file("blob", noise(200000));
        scene.host.has_running(old);
        scene.want(next);
        scene.meta.behave(next.path(), {.hold_after = 100000});
        Process pass = scene.start_pass();
        const fs::path part = scene.host.tarball(next).string() + ".part";
        REQUIRE(eventually([&] { return fs::exists(part) && fs::file_size(part) == 100000; }));
        pass.kill(stop.number);
        const Result result = pass.wait(seconds(3));
        CHECK_EXIT(result, stop.code);
        CHECK(scene.host.runs_only(old));
        scene.meta.behave_again(next.path());
        scene.meta.forget_requests();
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.host.runs_only(next));
        CHECK(scene.meta.requests(next.path()).at(0).header("range") == "bytes=100000-");
    }
}

TEST_CASE("in the report a pass ends at once") {
    for (const Stop& stop : stops) {
        CAPTURE(stop.number);
        Scene scene;
        scene.meta.behave("/heartbeat", {.hold_after = 0});
        Process pass = scene.start_pass();
        REQUIRE(eventually([&] { return scene.meta.count("/heartbeat") == 1; }));
        pass.kill(stop.number);
        CHECK_EXIT(pass.wait(seconds(3)), stop.code);
    }
}

TEST_CASE("in a switch a pass finishes it, then ends") {
    for (const Stop& stop : stops)
        for (const char* moment : {"stop", "start"}) {
            CAPTURE(stop.number);
            CAPTURE(moment);
            Scene scene;
            Release old = scene.release("falcon-agent", "1.0.0");
            Release next = scene.release("falcon-agent", "1.0.1");
            const std::string wait = "touch " + scene.host.flag("there") + "; while [ ! -e " +
                                     scene.host.flag("go") + " ]; do sleep 0.02; done";
            (std::string(moment) == "stop" ? old : next).before(moment, wait);
            scene.host.has_running(old);
            scene.want(next);
            Process pass = scene.start_pass();
            REQUIRE(eventually([&] { return scene.host.raised("there"); }));
            pass.kill(stop.number);
            std::this_thread::sleep_for(milliseconds(300));
            CHECK(pass.running());
            scene.host.raise("go");
            const Result result = pass.wait(seconds(8));
            CHECK_EXIT(result, stop.code);
            CHECK(scene.host.runs_only(next));
            CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 stop", "1.0.1 start"});
        }
}

TEST_CASE("a stop during one agent's switch begins no other one") {
    Scene scene;
    std::vector<Release> olds;
    std::vector<Release> news;
    const std::string wait = "touch " + scene.host.flag("there") + "; while [ ! -e " +
                             scene.host.flag("go") + " ]; do sleep 0.02; done";
    Release old = scene.release("a-switching-one", "1.0.0");
    old.before("stop", wait);
    const Release next = scene.release("a-switching-one", "1.0.1");
    const Release slow_old = scene.release("b-loading-one", "1.0.0");
    Release slow_next = scene.release("b-loading-one", "1.0.1");
    slow_next.file("blob", noise(100000));
    scene.host.has_running(old);
    scene.host.has_running(slow_old);
    scene.want(next);
    scene.want(slow_next);
    scene.meta.behave(slow_next.path(), {.hold_after = 1000});
    Process pass = scene.start_pass();
    REQUIRE(eventually([&] { return scene.host.raised("there"); }));
    pass.kill(SIGTERM);
    scene.host.raise("go");
    CHECK_EXIT(pass.wait(seconds(8)), 143);
    CHECK(scene.host.runs_only(next));
    CHECK(scene.host.runs_only(slow_old));
    CHECK(scene.host.deeds("b-loading-one") == Words{});
    scene.meta.behave_again(slow_next.path());
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(slow_next));
}

TEST_CASE("a rollback in which a signal arrives is finished, too") {
    Scene scene;
    scene.host.timeout("start", 3);
    Release old = scene.release("falcon-agent", "1.0.0");
    Release next = scene.release("falcon-agent", "1.0.1");
    next.before("start", "touch " + scene.host.flag("there") + "; while [ ! -e " +
                             scene.host.flag("go") + " ]; do sleep 0.02; done; exit 3");
    scene.want(old);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.want(next);
    Process pass = scene.start_pass();
    REQUIRE(eventually([&] { return scene.host.raised("there"); }));
    pass.kill(SIGTERM);
    scene.host.raise("go");
    CHECK_EXIT(pass.wait(seconds(8)), 143);
    CHECK(scene.host.runs_only(old));
}

TEST_CASE("during a hung status a pass ends soon and leaves no process") {
    Scene scene;
    scene.host.timeout("status", 30);
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.before("status", "touch " + scene.host.flag("there"));
    agent.status_hangs();
    scene.host.has(agent);
    Process pass = scene.start_pass();
    REQUIRE(eventually([&] { return scene.host.raised("there"); }));
    pass.kill(SIGTERM);
    CHECK_EXIT(pass.wait(seconds(8)), 143);
    CHECK(eventually([&] { return scene.host.strays().empty(); }));
}

TEST_CASE("while it unpacks a pass ends soon, and the next one converges") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.has_running(old);
    scene.want(next);
    scene.host.write(
        scene.host.root / "slow" / "tar",
        "#!/bin/sh\ncase \" $* \" in *--version*) exec /bin/tar \"$@\";; esac\ntouch " +
            scene.host.flag("there") + "\nsleep 20\nexec /bin/tar \"$@\"\n",
        0755);
    RunOptions options;
    options.env["PATH"] = (scene.host.root / "slow").string() + ":/usr/bin:/bin";
    Process pass = scene.host.start(options);
    REQUIRE(eventually([&] { return scene.host.raised("there"); }));
    pass.kill(SIGTERM);
    CHECK_EXIT(pass.wait(seconds(8)), 143);
    CHECK(eventually([&] { return scene.host.strays().empty(); }));
    CHECK(scene.host.runs_only(old));
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(next));
    CHECK(scene.host.leftovers() == Words{});
}

TEST_CASE("a signal wins over 69") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    Release waiting = agent;
    const std::string wait = "[ ! -e " + scene.host.flag("slow") + " ] || { touch " +
                             scene.host.flag("there") + "; while [ ! -e " + scene.host.flag("go") +
                             " ]; do sleep 0.02; done; }";
    waiting.before("start", wait);
    scene.want(waiting);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.host.crash(waiting);
    scene.host.raise("slow");
    scene.meta.behave("/heartbeat", {.status = 503});
    Process pass = scene.start_pass();
    REQUIRE(eventually([&] { return scene.host.raised("there"); }));
    pass.kill(SIGTERM);
    scene.host.raise("go");
    CHECK_EXIT(pass.wait(seconds(8)), 143);
    CHECK(scene.host.runs_only(waiting));
}

TEST_CASE("SIGHUP and SIGPIPE do not leave a switch half done") {
    Scene scene;
    Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    old.before("stop", "touch " + scene.host.flag("there") + "; while [ ! -e " +
                           scene.host.flag("go") + " ]; do sleep 0.02; done");
    scene.host.has_running(old);
    scene.want(next);
    Process pass = scene.start_pass();
    REQUIRE(eventually([&] { return scene.host.raised("there"); }));
    pass.kill(SIGPIPE);
    scene.host.raise("go");
    pass.wait(seconds(8));
    if (!scene.host.runs_only(next)) CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(next));
}
