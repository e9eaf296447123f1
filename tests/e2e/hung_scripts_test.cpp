// Scripts that hang, shout, leave children, or saw off their own branch.
#include "expect.hpp"

using namespace e2e;

namespace {

/// A second agent that must not be delayed: crashed, and wanted.
Release bystander(Scene& scene) {
    const Release other = scene.release("dinp-agent", "2.0.0");
    scene.host.has(other);
    scene.want(other);
    return other;
}

bool soon_nothing_is_left(const Scene& scene) {
    return eventually([&] { return scene.host.strays().empty(); }, seconds(3));
}

}  // namespace

TEST_CASE("a hung status delays no other agent and leaves no process") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        scene.host.timeout("status", 1);
        scene.host.timeout("start", 1);
        Release hung = scene.release("falcon-agent", "1.0.0");
        hung.status_hangs();
        scene.host.has(hung);
        const Release other = bystander(scene);
        const Result result = scene.pass();
        CHECK_EXIT(result, 0);  // ops-meta does not name it
        CHECK(result.seconds < 6);
        CHECK(scene.host.runs_only(other));
        CHECK(scene.reported("falcon-agent").at("status") == "unknown");
        CHECK(soon_nothing_is_left(scene));
    }
}

TEST_CASE("ten hung statuses take as long as one") {
    Scene scene;
    scene.host.timeout("status", 1);
    for (int i = 0; i < 10; ++i) {
        Release hung = scene.release("agent-" + std::to_string(i), "1.0.0");
        hung.status_hangs();
        scene.host.has(hung);
    }
    const Result result = scene.pass();
    CHECK_EXIT(result, 0);
    CHECK(result.seconds < 5);
    CHECK(soon_nothing_is_left(scene));
}

TEST_CASE("a status that said started and then hung means unknown") {
    Scene scene;
    scene.host.timeout("status", 1);
    Release hung = scene.release("falcon-agent", "1.0.0");
    hung.instead_of("status", "echo started; sleep 600");
    scene.host.has(hung);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.reported("falcon-agent").at("status") == "unknown");
    CHECK(soon_nothing_is_left(scene));
}

TEST_CASE("a hung start delays no other agent and leaves no process") {
    Scene scene;
    scene.host.timeout("start", 1);
    Release hung = scene.release("a-hung-one", "1.0.0");
    hung.start_hangs();
    scene.want(hung);
    const Release old = scene.release("z-other-one", "1.0.0");
    const Release next = scene.release("z-other-one", "1.0.1");
    scene.host.has_running(old);
    scene.want(next);
    const Release other = bystander(scene);
    Process pass = scene.start_pass();
    CHECK(eventually([&] { return scene.host.alive(other); }));
    CHECK(eventually([&] { return scene.host.runs_only(next); }));
    const Result result = pass.wait();
    CHECK_EXIT(result, 1);
    CHECK(result.seconds < 10);
    CHECK_CONTAINS(result.err, "a-hung-one");
    CHECK(scene.host.count(hung, "start") == 1);
    CHECK(soon_nothing_is_left(scene));
}

TEST_CASE("a hung stop delays no other agent and leaves no process") {
    Scene scene;
    scene.host.timeout("stop", 1);
    Release hung = scene.release("falcon-agent", "1.0.0");
    hung.stop_hangs();
    scene.host.has_running(hung);
    scene.want(hung, "stop");
    const Release other = bystander(scene);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK(result.seconds < 6);
    CHECK(scene.host.runs_only(other));
    CHECK(soon_nothing_is_left(scene));
}

TEST_CASE(
    "at the timeout the whole process group gets SIGTERM, and SIGKILL where that is ignored") {
    Scene scene;
    scene.host.timeout("status", 1);
    Release polite = scene.release("a-polite-one", "1.0.0");
    polite.instead_of("status",
                      "trap 'touch " + scene.host.flag("term") + "; exit' TERM; sleep 600 & wait");
    Release stubborn = scene.release("b-stubborn-one", "1.0.0");
    stubborn.instead_of("status", "trap '' TERM; (trap '' TERM; sleep 600) & sleep 600; sleep 600");
    scene.host.has(polite);
    scene.host.has(stubborn);
    const Result result = scene.pass();
    CHECK_EXIT(result, 0);
    CHECK(result.seconds < 20);
    CHECK(scene.host.raised("term"));
    CHECK(soon_nothing_is_left(scene));
}

TEST_CASE("a child that a status leaves in the background does not hang the pass") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.before("status", "sleep 600 & echo $! >>" + (scene.host.root / "left.pid").string());
    scene.host.has_running(agent);
    fs::remove(scene.host.root / "left.pid");
    scene.want(agent);
    const Result result = scene.pass();
    CHECK_EXIT(result, 0);
    CHECK(result.seconds < 4);
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.reported("falcon-agent").at("status") == "started");
}

TEST_CASE("a child that a stop leaves in the background does not hang the pass") {
    Scene scene;
    Release old = scene.release("falcon-agent", "1.0.0");
    old.after("stop", "sleep 600 & echo $! >left.pid");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.has_running(old);
    scene.want(next);
    const Result result = scene.pass();
    CHECK_EXIT(result, 0);
    CHECK(result.seconds < 4);
    CHECK(scene.host.runs_only(next));
}

TEST_CASE("50 MB of output neither hang nor fill the pass, and the log stays readable") {
    Scene scene;
    Release noisy = scene.release("falcon-agent", "1.0.0");
    noisy.before("status", "head -c 50000000 /dev/zero | tr '\\000' x");
    Release failing = scene.release("links-agent", "1.0.0");
    failing.instead_of("stop",
                       "head -c 50000000 /dev/zero | tr '\\000' x; echo; "
                       "echo 'the last words'; exit 1");
    scene.host.timeout("stop", 4);
    scene.host.has_running(noisy);
    scene.host.has_running(failing);
    scene.want(noisy);
    scene.want(failing, "stop");
    const Release other = bystander(scene);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK(scene.host.runs_only(other));
    CHECK(scene.reported("falcon-agent").at("status") == "started");
    CHECK(result.err.size() < 100000);
    CHECK_CONTAINS(result.err, "the last words");
    if (std::getenv("ASAN_OPTIONS") == nullptr) CHECK(result.peak_kb < 60000);
}

TEST_CASE("of captured output the last 64 KiB are kept: a state in the last line counts") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.instead_of("status",
                     "echo stopped; head -c 100000 /dev/zero | tr '\\000' '.'; echo; "
                     "echo started");
    scene.host.has(agent);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.reported("falcon-agent").at("status") == "started");
}

TEST_CASE("binary output is no state and reaches no log as it is") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.instead_of("status", "head -c 3000 /dev/urandom; printf 'star\\000ted'");
    agent.instead_of("start", "head -c 3000 /dev/urandom; printf '\\033[31m'; exit 2");
    scene.host.has(agent);
    scene.host.timeout("start", 1);
    scene.want(agent);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    for (const char letter : result.err)
        CHECK((static_cast<unsigned char>(letter) >= 0x20 || letter == '\n'));
}

TEST_CASE("a script that removes its own directory is one agent's failure") {
    Scene scene;
    scene.host.timeout("start", 1);
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.instead_of("start", "rm -rf \"$PWD\"; exit 0");
    scene.host.has(agent);
    scene.want(agent);
    const Release other = bystander(scene);
    CHECK_EXIT(scene.pass(), 1);
    CHECK(scene.host.runs_only(other));
    // The version is simply gone: the next pass stages it again.
    Release good = scene.release("falcon-agent", "1.0.0");
    scene.want(good);
    scene.pass({"--retry"});
    CHECK(scene.host.runs_only(good));
}

TEST_CASE("a daemon that keeps every output open does not hang the pass") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.daemon("sh -c 'exec 3>&1 4>&2; exec sleep 600'");
    scene.want(agent);
    const Result result = scene.pass();
    CHECK_EXIT(result, 0);
    CHECK(result.seconds < 4);
    CHECK(scene.host.runs_only(agent));
}

TEST_CASE("a stopped old version that ignores SIGTERM for a while delays only its own switch") {
    Scene scene;
    Release old = scene.release("a-slow-one", "1.0.0");
    old.instead_of("stop", "alive && { sleep 0.8; kill $p; rm -f pid; }; exit 0");
    const Release next = scene.release("a-slow-one", "1.0.1");
    scene.host.has_running(old);
    scene.want(next);
    const Release other = bystander(scene);
    Process pass = scene.start_pass();
    CHECK(eventually([&] { return scene.host.alive(other); }));
    CHECK_EXIT(pass.wait(), 0);
    CHECK(scene.host.runs_only(next));
}
