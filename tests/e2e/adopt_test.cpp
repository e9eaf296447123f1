// Hosts taken over from a Go ancestor, and ops dirs whose `.version` was lost.

#include "expect.hpp"

using namespace e2e;

namespace {

/// As the ancestors leave it: the tarball and its digest file stay in the version dir.
void as_the_ancestor_left_it(Scene& scene, const Release& agent) {
    scene.host.has_running(agent);
    scene.host.write(scene.host.tarball(agent), agent.tarball());
    scene.host.write(scene.host.tarball(agent).string() + ".md5",
                     agent.md5() + "  " + agent.tarball_name() + "\n");
}

}  // namespace

TEST_CASE("a host of a Go ancestor is adopted without one restart, its relics are removed") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        const Release falcon = scene.release("falcon-agent", "1.0.0");
        const Release dinp = scene.release("dinp-agent", "2.0.0");
        for (const Release* agent : {&falcon, &dinp}) {
            as_the_ancestor_left_it(scene, *agent);
            scene.want(*agent);
        }
        CHECK_EXIT(scene.pass(), 0);
        for (const Release* agent : {&falcon, &dinp}) {
            CHECK(scene.host.deeds(agent->name()) == Words{});
            CHECK(scene.host.runs_only(*agent));
            CHECK(scene.host.difference(*agent) == "");
            CHECK(scene.meta.count(agent->path()) == 0);
        }
        CHECK(scene.host.leftovers() == Words{});
    }
}

TEST_CASE("a host of a Go ancestor is upgraded like any other") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    as_the_ancestor_left_it(scene, old);
    scene.want(next);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(next));
    CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 stop", "1.0.1 start"});
}

TEST_CASE("a relic is only the tarball and its digest file: whatever else lies there stays") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    as_the_ancestor_left_it(scene, agent);
    scene.host.write(scene.host.dir(agent) / "backup.tar.gz", "an operator's own");
    scene.host.write(scene.host.dir(agent) / "var" / "data", "what the agent wrote");
    scene.want(agent);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(read_if_there(scene.host.dir(agent) / "backup.tar.gz") == "an operator's own");
    CHECK(read_if_there(scene.host.dir(agent) / "var" / "data") == "what the agent wrote");
    CHECK_FALSE(fs::exists(scene.host.tarball(agent)));
}

TEST_CASE("a bad tarball in the dir of the version in use is a relic too") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.has_running(agent);
    scene.host.write(scene.host.tarball(agent), "no tarball at all");
    scene.want(agent);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds("falcon-agent") == Words{});
    CHECK(scene.meta.count(agent.path()) == 0);
    CHECK(scene.host.leftovers() == Words{});
}

TEST_CASE("while the ancestor itself still runs, a pass ends with 75 and touches nothing") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    fs::copy_file("/bin/sleep", scene.host.ops / "ops-updater");
    RunOptions ancestor;
    ancestor.bare = true;
    ancestor.program = scene.host.ops / "ops-updater";
    ancestor.args = {"600"};
    ancestor.directory = scene.host.ops;
    Process resident = scene.host.start(ancestor);
    scene.host.write("ops-updater.pid", std::to_string(resident.pid()) + "\n");
    REQUIRE(eventually([&] { return !processes_within(scene.host.ops).empty(); }));

    const Result result = scene.pass();
    CHECK_EXIT(result, 75);
    CHECK_CONTAINS(result.err, std::to_string(resident.pid()));
    CHECK(scene.meta.reports().empty());
    CHECK_FALSE(fs::exists(scene.host.ops / "falcon-agent"));

    resident.kill(SIGTERM);
    resident.wait();
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
}

TEST_CASE("a pid file that names no ancestor keeps no pass from running") {
    Scene scene;
    for (const std::string content :
         {"", "\n", "4194000\n", "0\n", "-1\n", "1", "no pid", "99999999999999999999\n"}) {
        CAPTURE(content);
        scene.host.write("ops-updater.pid", content);
        CHECK_EXIT(scene.pass(), 0);
    }
    // A live process that is no ancestor: the pid was given anew.
    scene.host.write("ops-updater.pid", std::to_string(::getpid()) + "\n");
    CHECK_EXIT(scene.pass(), 0);
}

// --- `.version` is not there, or says nothing of use
// -----------------------------------------------

TEST_CASE("without a .version, the version dir that says started is the one in use") {
    for (const std::string content : {"(none)", "", "\n", "../../etc\n", "1.0 .0\n", ".hidden\n"}) {
        CAPTURE(content);
        Scene scene;
        const Release old = scene.release("falcon-agent", "1.0.0");
        const Release now = scene.release("falcon-agent", "1.0.1");
        scene.host.unpack(old);
        scene.host.has_running(now);
        fs::remove(scene.host.agent_dir("falcon-agent") / ".version");
        if (content != "(none)") scene.host.write("falcon-agent/.version", content);
        scene.want(now);
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.host.deeds("falcon-agent") == Words{});
        CHECK(scene.host.runs_only(now));
    }
}

TEST_CASE("without a .version, a version that runs is upgraded by stopping it first") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.has_running(old);
    fs::remove(scene.host.agent_dir("falcon-agent") / ".version");
    scene.want(next);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 stop", "1.0.1 start"});
    CHECK(scene.host.runs_only(next));
}

TEST_CASE("without a .version and with nothing started, there is no version in use") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.unpack(agent);
    scene.want(agent);
    const Json plan = scene.plan_of("falcon-agent");
    CHECK(plan.at("current") == nullptr);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.meta.count(agent.path()) == 0);
}

TEST_CASE("without a .version and with several started, nothing is touched") {
    Scene scene;
    const Release one = scene.release("falcon-agent", "1.0.0");
    const Release two = scene.release("falcon-agent", "1.0.1");
    const Release other = scene.release("dinp-agent", "2.0.0");
    scene.host.has_running(one);
    scene.host.has_running(two);
    fs::remove(scene.host.agent_dir("falcon-agent") / ".version");
    scene.want(two);
    scene.want(other);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "falcon-agent");
    CHECK(scene.host.deeds("falcon-agent") == Words{});
    CHECK(scene.host.alive(one));
    CHECK(scene.host.alive(two));
    CHECK(scene.host.runs_only(other));
}

TEST_CASE("a .version whose version has no control counts as none, with a warning") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.1");
    scene.host.write("falcon-agent/.version", "1.0.0\n");
    scene.host.write("falcon-agent/1.0.0/notes", "no control here");
    scene.want(agent);
    const Result result = scene.pass();
    CHECK_EXIT(result, 0);
    CHECK_CONTAINS(result.err, "1.0.0");
    CHECK(scene.host.runs_only(agent));
}

TEST_CASE("a .version is read trimmed") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.has_running(agent);
    scene.host.write("falcon-agent/.version", " \t1.0.0 \r\n\n");
    scene.want(agent);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds("falcon-agent") == Words{});
    CHECK(scene.reported("falcon-agent").at("version") == "1.0.0");
}
