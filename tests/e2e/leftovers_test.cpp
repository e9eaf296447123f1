// What a killed pass, a power cut or an operator left: the next pass goes on from there.
#include "expect.hpp"

using namespace e2e;

namespace {

/// Kills a pass when `bytes` of that release's tarball have arrived.
void kill_in_download(Scene& scene, const Release& release, std::size_t bytes) {
    scene.meta.behave(release.path(), {.hold_after = bytes});
    Process pass = scene.start_pass();
    const fs::path part = scene.host.tarball(release).string() + ".part";
    REQUIRE(eventually([&] { return fs::exists(part) && fs::file_size(part) == bytes; }));
    pass.kill(SIGKILL);
    pass.wait();
    scene.meta.behave_again(release.path());
    scene.meta.let_go();
    scene.meta.forget_requests();
}

Release big_release(Scene& scene, const std::string& name, const std::string& version) {
    Release release = scene.release(name, version);
    release.file("blob", noise(200000));
    return release;
}

}  // namespace

TEST_CASE("a good tarball is unpacked again without downloading it again") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        const Release agent = scene.release("falcon-agent", "1.0.0");
        scene.want(agent);
        scene.host.write(scene.host.tarball(agent), agent.tarball());
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.meta.count(agent.path()) == 0);
        CHECK(scene.host.runs_only(agent));
        CHECK(scene.host.difference(agent) == "");
        CHECK(scene.host.leftovers() == Words{});
    }
}

TEST_CASE("a bad tarball is fetched again") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    std::string content;
    SUBCASE("empty") {}
    SUBCASE("cut") {
        content = agent.tarball().substr(0, agent.tarball().size() / 2);
    }
    SUBCASE("longer") {
        content = agent.tarball() + "more";
    }
    SUBCASE("one byte differs") {
        content = agent.tarball();
        content[content.size() / 2] = static_cast<char>(~content[content.size() / 2]);
    }
    SUBCASE("another release") {
        content = scene.release("falcon-agent", "0.9").tarball();
    }
    scene.host.write(scene.host.tarball(agent), content);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.meta.count(agent.path()) == 1);
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.host.difference(agent) == "");
    CHECK(scene.host.leftovers() == Words{});
}

TEST_CASE("unpacking never goes over what a killed unpack left") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    scene.host.write(scene.host.tarball(agent), agent.tarball());
    scene.host.write(scene.host.dir(agent) / "control", "#!/bin/sh\necho started\n", 0755);
    scene.host.write(scene.host.dir(agent) / "program", "half of it");
    scene.host.write(scene.host.dir(agent) / "stale" / "file", "from another build");
    fs::create_directory_symlink(scene.host.root / "home", scene.host.dir(agent) / "conf");
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.difference(agent) == "");
    CHECK(scene.host.runs_only(agent));
    CHECK(tree(scene.host.root / "home") == Words{});
}

TEST_CASE(
    "a leftover tarball of the wanted version beside a running one is finished before the switch") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.has_running(old);
    scene.host.write(scene.host.tarball(next), next.tarball());
    scene.want(next);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 stop", "1.0.1 start"});
    CHECK(scene.host.runs_only(next));
    CHECK(scene.meta.count(next.path()) == 0);
}

TEST_CASE("a part is resumed, with the validator it was begun with") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        const Release agent = big_release(scene, "falcon-agent", "1.0.0");
        scene.want(agent);
        kill_in_download(scene, agent, 70000);
        CHECK_EXIT(scene.pass(), 0);
        const auto requests = scene.meta.requests(agent.path());
        REQUIRE(requests.size() == 1);
        CHECK(requests[0].header("range") == "bytes=70000-");
        CHECK(requests[0].header("if-range") == "\"" + agent.md5() + "\"");
        CHECK(scene.host.runs_only(agent));
        CHECK(scene.host.difference(agent) == "");
        CHECK(scene.host.leftovers() == Words{});
    }
}

TEST_CASE("if the file changed since the part was begun, the download starts over") {
    Scene scene;
    const Release agent = big_release(scene, "falcon-agent", "1.0.0");
    scene.want(agent);
    kill_in_download(scene, agent, 70000);
    Release again = scene.release("falcon-agent", "1.0.0");
    again.file("blob", noise(200000, 2));
    scene.publish(again);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(again));
    CHECK(scene.host.difference(again) == "");
    CHECK(scene.host.leftovers() == Words{});
}

TEST_CASE("a server without ranges, or without an ETag, serves the whole again") {
    for (const bool etag : {false, true}) {
        CAPTURE(etag);
        Scene scene;
        const Release agent = big_release(scene, "falcon-agent", "1.0.0");
        scene.want(agent);
        scene.meta.behave(agent.path(), {.hold_after = 70000, .etag = etag});
        Process pass = scene.start_pass();
        const fs::path part = scene.host.tarball(agent).string() + ".part";
        REQUIRE(eventually([&] { return fs::exists(part) && fs::file_size(part) == 70000; }));
        pass.kill(SIGKILL);
        pass.wait();
        scene.meta.behave(agent.path(), {.ranges = !etag, .etag = etag});
        scene.meta.let_go();
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.host.runs_only(agent));
        CHECK(scene.host.difference(agent) == "");
        CHECK(scene.host.leftovers() == Words{});
    }
}

TEST_CASE("a part of unknown origin does not spoil the download") {
    Scene scene;
    const Release agent = big_release(scene, "falcon-agent", "1.0.0");
    scene.want(agent);
    std::string content;
    SUBCASE("empty") {}
    SUBCASE("junk") {
        content = noise(5000, 9);
    }
    SUBCASE("longer than the file") {
        content = noise(400000, 9);
    }
    SUBCASE("as long as the file") {
        content = noise(agent.tarball().size(), 9);
    }
    SUBCASE("its good beginning") {
        content = agent.tarball().substr(0, 5000);
    }
    scene.host.write(scene.host.tarball(agent).string() + ".part", content);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.host.difference(agent) == "");
    CHECK(scene.host.leftovers() == Words{});
}

TEST_CASE("a version dir without control is staged anew") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    SUBCASE("empty") {
        scene.host.make_dir(scene.host.dir(agent));
    }
    SUBCASE("with half a tree") {
        scene.host.write(scene.host.dir(agent) / "program", "half");
    }
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.host.difference(agent) == "");
}

TEST_CASE("incomplete version dirs that the updater made are removed once nobody wants them") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release dropped = big_release(scene, "falcon-agent", "1.0.1");
    const Release next = scene.release("falcon-agent", "1.0.2");
    scene.host.has_running(old);
    scene.want(dropped);
    kill_in_download(scene, dropped, 1000);
    REQUIRE(fs::exists(scene.host.dir(dropped)));
    scene.want(next);
    CHECK_EXIT(scene.pass(), 0);
    CHECK_FALSE(fs::exists(scene.host.dir(dropped)));
    CHECK(scene.host.runs_only(next));
    CHECK(scene.host.leftovers() == Words{});
}

TEST_CASE("incomplete version dirs that somebody else made stay") {
    Scene scene;
    const Release next = scene.release("falcon-agent", "1.0.2");
    scene.host.write("falcon-agent/1.0.1/notes", "an operator's");
    scene.host.write("falcon-agent/data/db", "the agent's");
    scene.host.make_dir("falcon-agent/0.9");
    scene.want(next);
    CHECK_EXIT(scene.pass(), 0);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(read_if_there(scene.host.ops / "falcon-agent/1.0.1/notes") == "an operator's");
    CHECK(read_if_there(scene.host.ops / "falcon-agent/data/db") == "the agent's");
    CHECK(fs::exists(scene.host.ops / "falcon-agent/0.9"));
}

TEST_CASE("foreign files and dirs in the ops dir are no agents and stay as they are") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.write("README", "of the operator");
    scene.host.write("lost+found/x", "");
    scene.host.write("logs/today", "…");
    scene.host.write("ops-updater.log", "…");
    scene.want(agent);
    CHECK_EXIT(scene.pass(), 0);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.last_report().size() == 1);
    CHECK(read_if_there(scene.host.ops / "README") == "of the operator");
    CHECK(fs::exists(scene.host.ops / "logs/today"));
    CHECK(fs::exists(scene.host.ops / "lost+found/x"));
}
