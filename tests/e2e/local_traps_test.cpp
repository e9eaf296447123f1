// What an agent's own user, or an accident, may have laid into the ops dir.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.hpp"

using namespace e2e;

namespace {

/// A host with a well agent, and a place outside that nobody may touch.
struct Traps {
    Traps() : other(scene.release("dinp-agent", "2.0.0")) {
        outside = scene.host.root / "outside";
        scene.host.write(outside / "file", "untouched");
        scene.want(other);
    }

    void check_untouched(const Result& result) const {
        CHECK((result.code == 0 || result.code == 1));
        CHECK(read_file(outside / "file") == "untouched");
        CHECK(tree(outside) == Words{"file"});
        CHECK(scene.host.runs_only(other));
    }

    Scene scene;
    Release other;
    fs::path outside;
};

void make_fifo(const fs::path& path) {
    fs::create_directories(path.parent_path());
    REQUIRE(::mkfifo(path.c_str(), 0644) == 0);
}

}  // namespace

TEST_CASE("an agent dir that is a link is not followed out of the ops dir") {
    Traps traps;
    const Release agent = traps.scene.release("falcon-agent", "1.0.0");
    fs::create_directory_symlink(traps.outside, traps.scene.host.ops / "falcon-agent");
    traps.scene.want(agent);
    traps.check_untouched(traps.scene.pass());
}

TEST_CASE("a control that cannot be looked at is not taken for a missing one") {
    const User user = users().back();
    if (user == User::self && ::geteuid() == 0) return;  // root may look everywhere
    Scene scene(user);
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.has_running(old);
    const fs::path secret = scene.host.dir(old) / "secret";
    const fs::path control = scene.host.dir(old) / "control";
    fs::create_directory(secret);
    fs::rename(control, secret / "control");
    fs::create_symlink("secret/control", control);
    fs::permissions(secret, fs::perms::none);
    scene.want(next);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "cannot look at " + control.string());
    CHECK_FALSE(scene.host.alive(next));
    fs::permissions(secret, fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(next));
}

TEST_CASE("a .version that cannot be read is not taken for an invalid one") {
    const User user = users().back();
    if (user == User::self && ::geteuid() == 0) return;  // root may read everything
    Scene scene(user);
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.has_running(agent);
    const fs::path file = scene.host.ops / "falcon-agent" / ".version";
    if (::geteuid() == 0) REQUIRE(::chown(file.c_str(), 0, 0) == 0);
    fs::permissions(file, fs::perms::none);
    scene.want(scene.release("falcon-agent", "1.0.1"));
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "cannot read " + file.string() + ": Permission denied");
    CHECK(scene.host.deeds("falcon-agent") == Words{});
}

TEST_CASE("a version dir that is a link is not followed") {
    Traps traps;
    const Release agent = traps.scene.release("falcon-agent", "1.0.0");
    traps.scene.host.make_dir("falcon-agent");
    fs::create_directory_symlink(traps.outside, traps.scene.host.dir(agent));
    traps.scene.want(agent);
    traps.check_untouched(traps.scene.pass());
}

TEST_CASE("a dangling link in the version dir's place is no way out") {
    Traps traps;
    const Release agent = traps.scene.release("falcon-agent", "1.0.0");
    traps.scene.host.make_dir("falcon-agent");
    fs::create_symlink(traps.outside / "new", traps.scene.host.dir(agent));
    traps.scene.want(agent);
    traps.check_untouched(traps.scene.pass());
}

TEST_CASE("links in place of the updater's own files are never written through") {
    for (const char* place :
         {"ops-updater.pid", "falcon-agent/.version", "falcon-agent/control.log",
          "falcon-agent/1.0.0/falcon-agent-1.0.0.tar.gz",
          "falcon-agent/1.0.0/falcon-agent-1.0.0.tar.gz.part", ".ops-updater"}) {
        CAPTURE(place);
        Traps traps;
        const Release agent = traps.scene.release("falcon-agent", "1.0.0");
        const fs::path link = traps.scene.host.ops / place;
        traps.scene.host.make_dir(link.parent_path());
        const bool dir = std::string(place) == ".ops-updater";
        fs::create_symlink(dir ? traps.outside : traps.outside / "file", link);
        traps.scene.want(agent);
        const Result result = traps.scene.pass();
        CHECK(read_file(traps.outside / "file") == "untouched");
        CHECK(tree(traps.outside) == Words{"file"});
        CHECK((result.code == 0 || result.code == 1 || result.code == 78));
    }
}

TEST_CASE("a .version that is a directory, a FIFO, a link, huge or binary is an invalid one") {
    for (const char* kind : {"directory", "full directory", "fifo", "link", "huge", "binary"}) {
        CAPTURE(kind);
        Traps traps;
        const Release agent = traps.scene.release("falcon-agent", "1.0.0");
        traps.scene.host.has_running(agent);
        const fs::path file = traps.scene.host.agent_dir("falcon-agent") / ".version";
        fs::remove(file);
        if (contains(kind, "directory")) traps.scene.host.make_dir(file);
        if (std::string(kind) == "full directory") traps.scene.host.write(file / "x", "x");
        if (std::string(kind) == "fifo") make_fifo(file);
        if (std::string(kind) == "link") fs::create_symlink("/etc/hostname", file);
        if (std::string(kind) == "huge") traps.scene.host.write(file, std::string(20U << 20U, '1'));
        if (std::string(kind) == "binary") traps.scene.host.write(file, noise(300));
        traps.scene.want(agent);
        const Result result = traps.scene.pass();
        CHECK((result.code == 0 || result.code == 1));
        CHECK(traps.scene.host.alive(agent));
        CHECK(traps.scene.host.deeds("falcon-agent") == Words{});  // it runs: no start
        CHECK(traps.scene.host.runs_only(traps.other));
        if (result.code == 0) CHECK(traps.scene.host.version("falcon-agent") == "1.0.0\n");
    }
}

TEST_CASE("a .version with a path in it leads nowhere") {
    for (const char* content :
         {"../../outside", "/etc", "1.0.0/../../../outside", "..", ".", "1.0.0\n../../outside\n"}) {
        CAPTURE(content);
        Traps traps;
        const Release agent = traps.scene.release("falcon-agent", "1.0.0");
        traps.scene.host.write(traps.outside / "control",
                               "#!/bin/sh\ntouch " + traps.scene.host.flag("ran") + "\n", 0755);
        traps.scene.host.write("falcon-agent/.version", content);
        traps.scene.want(agent);
        CHECK_EXIT(traps.scene.pass(), 0);
        CHECK_FALSE(traps.scene.host.raised("ran"));
        CHECK(traps.scene.host.runs_only(agent));
    }
}

TEST_CASE("FIFOs and devices in place of small files do not hang the pass") {
    for (const char* place : {"falcon-agent/.hold", "ops-updater.pid", "falcon-agent/control.log",
                              ".ops-updater/answer.json", "falcon-agent/1.0.0/control"}) {
        CAPTURE(place);
        Traps traps;
        const Release agent = traps.scene.release("falcon-agent", "1.0.0");
        if (std::string(place) == "falcon-agent/control.log") traps.scene.host.has(agent);
        make_fifo(traps.scene.host.ops / place);
        traps.scene.want(agent);
        const Result result = traps.scene.pass();
        CHECK((result.code == 0 || result.code == 1 || result.code == 78));
        CHECK(result.seconds < 10);
        if (result.code != 78) CHECK(traps.scene.host.runs_only(traps.other));
        CHECK_EXIT(traps.scene.pass({"--status"}), 0);
    }
}

TEST_CASE("an agent dir that is a file is that agent's failure alone") {
    Traps traps;
    const Release agent = traps.scene.release("falcon-agent", "1.0.0");
    traps.scene.host.write("falcon-agent", "a file");
    traps.scene.want(agent);
    const Result result = traps.scene.pass();
    CHECK_EXIT(result, 1);
    CHECK(traps.scene.host.runs_only(traps.other));
    CHECK(read_file(traps.scene.host.ops / "falcon-agent") == "a file");
}

TEST_CASE("a version dir that is a file is that agent's failure alone") {
    Traps traps;
    const Release agent = traps.scene.release("falcon-agent", "1.0.0");
    traps.scene.host.write("falcon-agent/1.0.0", "a file");
    traps.scene.want(agent);
    const Result result = traps.scene.pass();
    CHECK_EXIT(result, 1);
    CHECK(traps.scene.host.runs_only(traps.other));
    CHECK(read_file(traps.scene.host.ops / "falcon-agent/1.0.0") == "a file");
}

TEST_CASE("a control that is a link out of the version dir is not run") {
    Traps traps;
    traps.scene.host.write(traps.outside / "evil",
                           "#!/bin/sh\ntouch " + traps.scene.host.flag("ran") + "\necho started\n",
                           0755);
    const Release agent = traps.scene.release("falcon-agent", "1.0.0");
    traps.scene.host.make_dir(traps.scene.host.dir(agent));
    fs::create_symlink(traps.outside / "evil", traps.scene.host.dir(agent) / "control");
    traps.scene.host.select(agent);
    const Result result = traps.scene.pass();
    CHECK((result.code == 0 || result.code == 1));
    CHECK(traps.scene.host.runs_only(traps.other));
}

TEST_CASE("names in the ops dir that are no agent's are left alone and shown to nobody") {
    Traps traps;
    for (const char* name : {"-rf", "a b", "two\nlines", "\x1b[31m", ".hidden", "ops-updater-old",
                             "lost+found", "日本", "x;y"})
        traps.scene.host.write(fs::path(name) / "1.0" / "control",
                               "#!/bin/sh\ntouch " + traps.scene.host.flag("ran") + "\n", 0755);
    const Result result = traps.scene.pass();
    CHECK_EXIT(result, 0);
    CHECK_LACKS(result.err, "\x1b");
    CHECK(traps.scene.last_report().size() <= 1);
}

TEST_CASE("version dirs with names that are no versions are left alone") {
    Traps traps;
    const Release agent = traps.scene.release("falcon-agent", "1.0.0");
    for (const char* name : {"-1", ".git", "a b", "new\nline"})
        traps.scene.host.write(
            fs::path("falcon-agent") / name / "control",
            "#!/bin/sh\ntouch " + traps.scene.host.flag("ran") + "\necho started\n", 0755);
    traps.scene.want(agent);
    CHECK_EXIT(traps.scene.pass(), 0);
    CHECK(traps.scene.host.runs_only(agent));
    CHECK_FALSE(traps.scene.host.raised("ran"));
    CHECK(fs::exists(traps.scene.host.ops / "falcon-agent/.git/control"));
}

TEST_CASE("a status that removes its agent's dir is one agent's failure") {
    Traps traps;
    Release agent = traps.scene.release("falcon-agent", "1.0.0");
    agent.instead_of("status",
                     "cd / && rm -rf " + traps.scene.host.agent_dir("falcon-agent").string());
    traps.scene.host.has(agent);
    const Result result = traps.scene.pass();
    CHECK((result.code == 0 || result.code == 1));
    CHECK(traps.scene.host.runs_only(traps.other));
    CHECK_EXIT(traps.scene.pass(), 0);
}

TEST_CASE("a thousand junk entries in the ops dir do not matter") {
    Traps traps;
    for (int i = 0; i < 1000; ++i)
        write_file(traps.scene.host.ops / ("junk-" + std::to_string(i)), "");
    CHECK_EXIT(traps.scene.pass(), 0);
    CHECK(traps.scene.host.runs_only(traps.other));
}

TEST_CASE("the ops dir may be named by a link, and by a path with odd characters") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    const fs::path real = scene.host.root / "an odd 'dir' $(x) ü";
    scene.host.make_dir(real);
    scene.host.ops = real;
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
    const fs::path link = scene.host.root / "link";
    fs::create_directory_symlink(real, link);
    scene.host.ops = link;
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 start"});
    scene.host.ops = real;
}

TEST_CASE("a file size limit of the caller's is survived") {
    Traps traps;
    Release agent = traps.scene.release("falcon-agent", "1.0.0");
    agent.file("blob", noise(3000000));
    traps.scene.want(agent);
    RunOptions options;
    options.in_child = [] {
        const struct rlimit small { 1000000, RLIM_INFINITY };
        ::setrlimit(RLIMIT_FSIZE, &small);
    };
    const Result result = traps.scene.host.run(options);
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "falcon-agent");
    CHECK(traps.scene.host.runs_only(traps.other));
    CHECK_EXIT(traps.scene.pass(), 0);
    CHECK(traps.scene.host.runs_only(agent));
}
