// kill -9 at chosen moments, by the very tools and scripts that the pass runs (tests/crash does it
// at every system call). The next, undisturbed pass finishes the job.
#include "expect.hpp"

using namespace e2e;

namespace {

/// Shell words that kill the running pass, found by its pid file, once.
std::string kill_the_pass(const Scene& scene) {
    const std::string flag = scene.host.flag("kill");
    return "if [ -e " + flag + " ]; then rm " + flag + "; kill -9 \"$(cat " +
           (scene.host.ops / "ops-updater.pid").string() + ")\"; sleep 0.05; fi";
}

/// A folder for PATH in which `tool` kills the pass before or after its work.
RunOptions deadly(Scene& scene, const std::string& tool, const std::string& script) {
    std::string real = shell("command -v " + tool);
    real.pop_back();
    const fs::path dir = scene.host.root / "deadly";
    scene.host.write(dir / tool, "#!/bin/sh\nreal=" + real + "\n" + script + "\n", 0755);
    RunOptions options;
    options.env["PATH"] = dir.string() + ":/usr/sbin:/usr/bin:/sbin:/bin";
    return options;
}

struct Upgrade {
    explicit Upgrade(User user = User::self)
        : scene(user),
          old(scene.release("falcon-agent", "1.0.0")),
          next(scene.release("falcon-agent", "1.0.1")),
          other(scene.release("dinp-agent", "2.0.0")) {
        next.file("blob", noise(100000));
    }

    void begin() {
        scene.host.has_running(old);
        scene.host.has_running(other);
        scene.want(next);
        scene.want(other);
        scene.host.raise("kill");
    }

    /// A pass that is killed, then one that is not.
    void kill_and_converge(const RunOptions& options = {}) {
        const Result killed = scene.host.run(options);
        CHECK_EXIT(killed, 137);
        CHECK_FALSE(scene.host.raised("kill"));
        const std::string version = scene.host.version("falcon-agent");
        CHECK((version == "1.0.0\n" || version == "1.0.1\n"));
        CHECK(scene.host.difference(version == "1.0.0\n" ? old : next) == "");
        CHECK(eventually([&] { return scene.host.strays().empty(); }));
        CHECK_EXIT(scene.host.run(), 0);
        CHECK(scene.host.runs_only(next));
        CHECK(scene.host.difference(next) == "");
        CHECK(scene.host.difference(old) == "");
        CHECK(scene.host.leftovers() == Words{});
        CHECK(scene.host.runs_only(other));
        CHECK(scene.host.deeds("dinp-agent") == Words{});
    }

    Scene scene;
    Release old;
    Release next;
    Release other;
};

}  // namespace

TEST_CASE("killed while downloading") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Upgrade upgrade(user);
        upgrade.begin();
        upgrade.scene.host.lower("kill");
        upgrade.scene.meta.behave(upgrade.next.path(), {.hold_after = 30000});
        Process pass = upgrade.scene.start_pass();
        REQUIRE(eventually([&] { return upgrade.scene.meta.count(upgrade.next.path()) == 1; }));
        pass.kill(SIGKILL);
        CHECK_EXIT(pass.wait(), 137);
        upgrade.scene.meta.behave_again(upgrade.next.path());
        CHECK(upgrade.scene.host.runs_only(upgrade.old));
        CHECK_EXIT(upgrade.scene.pass(), 0);
        CHECK(upgrade.scene.host.runs_only(upgrade.next));
        CHECK(upgrade.scene.host.difference(upgrade.next) == "");
        CHECK(upgrade.scene.host.leftovers() == Words{});
    }
}

TEST_CASE("killed while verifying, before and after md5sum") {
    for (const bool after : {false, true}) {
        CAPTURE(after);
        Upgrade upgrade;
        upgrade.begin();
        const std::string kill = kill_the_pass(upgrade.scene);
        const auto options = deadly(upgrade.scene, "md5sum",
                                    after ? "$real \"$@\"; code=$?\n" + kill + "\nexit $code"
                                          : kill + "\nexec $real \"$@\"");
        const Result first = upgrade.scene.host.run(options);
        if (first.code == 0) {
            // The digest was computed while the bytes arrived: md5sum was not needed.
            CHECK(upgrade.scene.host.runs_only(upgrade.next));
            continue;
        }
        upgrade.scene.host.lower("kill");
        CHECK_EXIT(first, 137);
        CHECK(upgrade.scene.host.runs_only(upgrade.old));
        CHECK_EXIT(upgrade.scene.pass(), 0);
        CHECK(upgrade.scene.host.runs_only(upgrade.next));
    }
}

TEST_CASE("killed while unpacking, before, in the middle and after tar") {
    for (const User user : users())
        for (const char* moment : {"before", "half", "after"}) {
            CAPTURE(to_string(user));
            CAPTURE(moment);
            Upgrade upgrade(user);
            upgrade.begin();
            const std::string kill = kill_the_pass(upgrade.scene);
            std::string script = kill + "\nexec $real \"$@\"";
            // In the middle: tar has unpacked all, then a part of it is gone again.
            if (moment == std::string("half"))
                script = "$real \"$@\"; code=$?\nfind . " + (upgrade.scene.host.ops).string() +
                         " -name program -path '*1.0.1*' -delete\n" + kill + "\nexit $code";
            if (moment == std::string("after"))
                script = "$real \"$@\"; code=$?\n" + kill + "\nexit $code";
            upgrade.kill_and_converge(deadly(upgrade.scene, "tar", script));
            CHECK(upgrade.scene.meta.count(upgrade.next.path()) == 1);
        }
}

TEST_CASE("an orphaned tar that is still at work when the next pass comes is waited for") {
    Upgrade upgrade;
    upgrade.begin();
    const std::string late = "sleep 1; echo late >late; exit 1";
    const auto options = deadly(upgrade.scene, "tar",
                                "killed=false; [ ! -e " + upgrade.scene.host.flag("kill") +
                                    " ] || killed=true\n" + kill_the_pass(upgrade.scene) +
                                    "\nif $killed; then " + late + "; fi\nexec $real \"$@\"");
    CHECK_EXIT(upgrade.scene.host.run(options), 137);
    CHECK_EXIT(upgrade.scene.host.run(), 0);
    CHECK(upgrade.scene.host.runs_only(upgrade.next));
    eventually([&] { return upgrade.scene.host.strays().empty(); });
    CHECK(upgrade.scene.host.difference(upgrade.next) == "");
}

TEST_CASE("killed by the old version's stop, before and after it stopped") {
    for (const bool after : {false, true}) {
        CAPTURE(after);
        Upgrade upgrade;
        const std::string kill = kill_the_pass(upgrade.scene);
        if (after)
            upgrade.old.after("stop", kill);
        else
            upgrade.old.before("stop", kill);
        upgrade.begin();
        upgrade.kill_and_converge();
    }
}

TEST_CASE("killed by the new version's start, before and after the daemon is there") {
    for (const bool after : {false, true}) {
        CAPTURE(after);
        Upgrade upgrade;
        const std::string kill = kill_the_pass(upgrade.scene);
        if (after)
            upgrade.next.after("start", kill);
        else
            upgrade.next.before("start", kill);
        upgrade.begin();
        upgrade.kill_and_converge();
    }
}

TEST_CASE("killed by the status of the new version, while it is polled") {
    Upgrade upgrade;
    upgrade.next.before("status", kill_the_pass(upgrade.scene));
    upgrade.begin();
    upgrade.kill_and_converge();
    CHECK(upgrade.scene.host.count(upgrade.next, "start") == 1);
}

TEST_CASE("killed by the status of another agent, while it is looked at") {
    Upgrade upgrade;
    upgrade.other.before("status", kill_the_pass(upgrade.scene));
    upgrade.begin();
    upgrade.kill_and_converge();
}

TEST_CASE("killed between stop and start with ops-meta down afterwards: the switch is finished") {
    Upgrade upgrade;
    upgrade.next.before("start", kill_the_pass(upgrade.scene) + "\n[ ! -e " +
                                     upgrade.scene.host.flag("first") + " ] || exit 9");
    upgrade.begin();
    CHECK_EXIT(upgrade.scene.pass(), 137);
    upgrade.scene.meta.behave("/heartbeat", {.status = 503});
    CHECK_EXIT(upgrade.scene.pass(), 69);
    CHECK(upgrade.scene.host.runs_only(upgrade.next));
}

TEST_CASE("a first install that was killed in its start is finished by the next pass") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.before("start", kill_the_pass(scene));
    scene.want(agent);
    scene.host.raise("kill");
    CHECK_EXIT(scene.pass(), 137);
    eventually([&] { return scene.host.strays().empty(); });
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.host.leftovers() == Words{});
}

TEST_CASE("killed five times in a row, in five places, it converges all the same") {
    Upgrade upgrade;
    upgrade.old.before("stop", kill_the_pass(upgrade.scene));
    upgrade.next.before("start", kill_the_pass(upgrade.scene));
    upgrade.begin();
    auto& host = upgrade.scene.host;
    const std::string kill = kill_the_pass(upgrade.scene);
    CHECK_EXIT(host.run(deadly(upgrade.scene, "tar", kill + "\nexec $real \"$@\"")), 137);
    host.raise("kill");
    CHECK_EXIT(host.run(deadly(upgrade.scene, "tar", "$real \"$@\"\n" + kill)), 137);
    for (int i = 0; i < 3 && !host.runs_only(upgrade.next); ++i) {
        host.raise("kill");
        host.run();
    }
    host.lower("kill");
    CHECK_EXIT(host.run(), 0);
    CHECK(host.runs_only(upgrade.next));
    CHECK(host.difference(upgrade.next) == "");
    CHECK(host.leftovers() == Words{});
}
