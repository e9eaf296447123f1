// Hostile and broken tarballs, all with a good digest: whoever can publish can do that.
#include <sys/stat.h>

#include "expect.hpp"

using namespace e2e;

namespace {

const std::string good_control = "#!/bin/sh\ncase $1 in status) echo stopped;; esac\n";

/// An archive that is fine but for what is added before or after.
Ustar fine() {
    Ustar tar;
    tar.file("control", good_control, 0755).file("program", "x", 0755);
    return tar;
}

struct Case {
    const char* what;
    std::string member;  ///< what the error must name; empty: nothing in particular
    std::string archive;
};

Ustar::Member device(const std::string& name, char type) {
    return {name, 0666, type, "", "", 0};
}

/// The version does not get in, the old one runs on, nothing lands outside, the other agent is
/// well.
void check_refused(const Case& each) {
    CAPTURE(each.what);
    Scene scene;
    scene.host.set("download", "{max_unpacked: 8M, retries: 0}");
    const Release old = scene.release("falcon-agent", "1.0.0");
    Release next = scene.release("falcon-agent", "1.0.1");
    const Release other = scene.release("dinp-agent", "2.0.0");
    next.published_as(each.archive);
    scene.host.has_running(old);
    const fs::path victim = scene.host.root / "victim";
    scene.host.write(victim, "untouched");
    scene.want(next);
    scene.want(other);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "falcon-agent");
    CHECK_CONTAINS(result.err, "1.0.1");
    if (!each.member.empty()) CHECK_CONTAINS(result.err, each.member);
    for (const char letter : result.err)
        CHECK((static_cast<unsigned char>(letter) >= 0x20 || letter == '\n'));
    CHECK(scene.host.runs_only(old));
    CHECK(scene.host.deeds("falcon-agent") == Words{});
    CHECK(scene.host.difference(old) == "");
    CHECK(scene.host.runs_only(other));
    CHECK(read_file(victim) == "untouched");
    CHECK_FALSE(fs::exists(scene.host.root / "escaped"));
    CHECK_FALSE(fs::exists("/tmp/ops-e2e-escaped"));
    CHECK_FALSE(fs::exists(scene.host.dir(next) / "control"));
    // A good build under the same name mends it.
    const Release mended = scene.release("falcon-agent", "1.0.1");
    scene.want(mended);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(mended));
    CHECK(scene.host.difference(mended) == "");
    CHECK(scene.host.leftovers() == Words{});
}

}  // namespace

TEST_CASE("what is no whole gzipped tar is refused") {
    const std::string whole = gzip(fine().whole());
    std::string crc = whole;
    crc[crc.size() - 6] = static_cast<char>(~crc[crc.size() - 6]);
    std::string middle = fine().cut() + std::string(512, '\0') + fine().file("late", "x").whole();
    for (const Case& each : std::vector<Case>{
             {"empty", "", ""},
             {"an empty gzip", "", gzip("")},
             {"zero blocks only", "control", gzip(std::string(1024, '\0'))},
             {"text", "", "this is not a tarball"},
             {"a tar without gzip", "", fine().whole()},
             {"cut in the gzip stream", "", whole.substr(0, whole.size() - 20)},
             {"a wrong checksum", "", crc},
             {"random bytes", "", noise(5000)},
             {"gzip of random bytes", "", gzip(noise(5000))},
             {"cut inside a member", "",
              gzip(fine().file("blob", noise(4000)).cut().substr(0, 3000))},
         }) {
        if (each.archive.empty()) continue;  // see below: an empty file
        check_refused(each);
    }
}

TEST_CASE("an empty tarball is refused") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    scene.meta.put(agent.path(), "");
    scene.meta.put(agent.md5_path(), md5_hex(""));
    CHECK_EXIT(scene.pass(), 1);
    CHECK_FALSE(fs::exists(scene.host.dir(agent) / "control"));
}

TEST_CASE("an archive that was cut at a member boundary is refused") {
    check_refused({"cut before the end blocks", "", gzip(fine().cut())});
}

TEST_CASE("an archive with a zero block in the middle is refused") {
    const std::string middle =
        fine().cut() + std::string(512, '\0') + Ustar().file("late", "x").whole();
    check_refused({"one zero block", "", gzip(middle)});
}

TEST_CASE("nothing lands outside the version dir") {
    check_refused({"an absolute name", "ops-e2e-escaped",
                   gzip(fine().file("/tmp/ops-e2e-escaped", "x").whole())});
    check_refused({"dot-dot", "escaped", gzip(fine().file("../../../escaped", "x").whole())});
    check_refused(
        {"dot-dot inside", "escaped", gzip(fine().file("a/../../../../escaped", "x").whole())});
    check_refused({"through an own link", "out",
                   gzip(fine().symlink("out", "../../..").file("out/victim", "owned").whole())});
    check_refused({"through an own absolute link", "out",
                   gzip(fine().symlink("out", "/tmp").file("out/ops-e2e-escaped", "x").whole())});
    check_refused({"a link out", "out", gzip(fine().symlink("out", "/etc/passwd").whole())});
    check_refused(
        {"a relative link out", "out", gzip(fine().symlink("out", "../../../victim").whole())});
    check_refused({"a link out of a folder", "out",
                   gzip(fine().directory("d").symlink("d/out", "../../1.0.0/control").whole())});
    check_refused({"a hard link out", "",
                   gzip(fine().add({"out", 0644, '1', "/etc/passwd", "", 0}).whole())});
    check_refused({"a relative hard link out", "",
                   gzip(fine().add({"out", 0644, '1', "../1.0.0/control", "", 0}).whole())});
    check_refused(
        {"two links that only together lead out", "",
         gzip(fine().directory("a").symlink("a/b", "..").symlink("c", "a/b/../..").whole())});
}

TEST_CASE("links that stay inside are let in") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    Ustar tar = fine();
    tar.directory("lib").file("lib/one", "1").symlink("lib/two", "one").symlink("three", "lib/two");
    tar.symlink("lib/up", "../program").add({"hard", 0644, '1', "program", "", 0});
    agent.published_as(gzip(tar.whole()));
    scene.want(agent, "stop");
    CHECK_EXIT(scene.pass(), 0);
    CHECK(read_file(scene.host.dir(agent) / "three") == "1");
    CHECK(read_file(scene.host.dir(agent) / "hard") == "x");
}

TEST_CASE("devices and FIFOs are refused") {
    check_refused({"a FIFO", "pipe", gzip(fine().add(device("pipe", '6')).whole())});
    if (::geteuid() != 0) return;  // only root's tar would make them
    check_refused({"a character device", "mem", gzip(fine().add(device("mem", '3')).whole())});
    check_refused({"a block device", "disk", gzip(fine().add(device("disk", '4')).whole())});
}

TEST_CASE("setuid, setgid and foreign owners do not get in") {
    for (const mode_t mode : {04755, 02755, 06777, 01777}) {
        CAPTURE(mode);
        Scene scene;
        Release agent = scene.release("falcon-agent", "1.0.0");
        Ustar tar = fine();
        tar.add({"tool", mode, '0', "", "x", 1234}).add({"dir", mode, '5', "", "", 1234});
        tar.add({".", 0777, '5', "", "", 1234});
        agent.published_as(gzip(tar.whole()));
        scene.want(agent, "stop");
        const Result result = scene.pass();
        CHECK((result.code == 0 || result.code == 1));  // cleaned or refused
        if (result.code == 1) CHECK_CONTAINS(result.err, "tool");
        struct stat info {};
        for (const auto& path : tree(scene.host.ops)) {
            CAPTURE(path);
            REQUIRE(::lstat((scene.host.ops / path).c_str(), &info) == 0);
            CHECK((info.st_mode & 07000U) == 0);
            CHECK((info.st_mode & 0002U) == 0);
            CHECK(info.st_uid == scene.host.uid());
        }
        REQUIRE(::stat(scene.host.agent_dir("falcon-agent").c_str(), &info) == 0);
        CHECK((info.st_mode & 0777U) == 0755);
    }
}

TEST_CASE("a control that is missing, no file, not executable or a link is refused") {
    const auto with = [](const Ustar::Member& control) {
        return gzip(Ustar().file("program", "x").add(control).whole());
    };
    check_refused({"missing", "control", gzip(Ustar().file("program", "x").whole())});
    check_refused(
        {"one folder too deep", "control",
         gzip(Ustar().directory("falcon").file("falcon/control", good_control, 0755).whole())});
    check_refused({"a directory", "control", with({"control", 0755, '5', "", "", 0})});
    check_refused({"not executable", "control", with({"control", 0644, '0', "", good_control, 0})});
    check_refused({"a link out", "control", with({"control", 0777, '2', "/bin/true", "", 0})});
    check_refused({"a link inside", "control", with({"control", 0777, '2', "program", "", 0})});
    check_refused({"a FIFO", "control", with({"control", 0755, '6', "", "", 0})});
}

TEST_CASE("names with control characters are refused, and shown without them") {
    check_refused({"a line feed", "", gzip(fine().file("two\nlines", "x").whole())});
    check_refused({"an escape", "", gzip(fine().file("\x1b[31mred", "x").whole())});
    check_refused({"a bell in a folder", "", gzip(fine().directory("\x07 dir").whole())});
    check_refused({"a delete", "",
                   gzip(fine()
                            .file("a\x7f"
                                  "b",
                                  "x")
                            .whole())});
}

TEST_CASE("bombs are refused before they fill the disk") {
    check_refused(
        {"by size", "", gzip(fine().file("zero", std::string(20U << 20U, '\0')).whole())});
    check_refused({"by many middle-sized files", "", [] {
                       Ustar tar = fine();
                       for (int i = 0; i < 20; ++i)
                           tar.file("part" + std::to_string(i), std::string(1U << 20U, '\0'));
                       return gzip(tar.whole());
                   }()});
    check_refused({"by a sparse file", "", gzip(fine().sparse("sparse", 7ULL << 30U).whole())});
}

TEST_CASE("a bomb by number of files is refused in time") {
    Ustar tar = fine();
    for (int i = 0; i < 60000; ++i)
        tar.file("f" + std::to_string(i), "");
    Scene scene;
    scene.host.set("download", "{max_unpacked: 8M}");
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.published_as(gzip(tar.whole()));
    scene.want(agent);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_FALSE(fs::exists(scene.host.dir(agent) / "control"));
    CHECK(tree(scene.host.ops).size() < 100);  // and its space is given back
}

TEST_CASE("archives as other tools write them are let in") {
    // With "./" before each name, with long names, with an own dir entry of odd mode.
    struct Style {
        const char* what;
        const char* tar;
    };
    for (const Style& style :
         std::vector<Style>{{"./ names", "tar -czf ../out.tgz ."},
                            {"pax", "tar --format=pax -czf ../out.tgz *"},
                            {"ustar", "tar --format=ustar -czf ../out.tgz *"},
                            {"v7", "tar --format=v7 -czf ../out.tgz control program"},
                            {"foreign owner", "tar --owner=1234 --group=1234 -czf ../out.tgz ."},
                            {"sparse", "truncate -s 1M hole && tar -S -czf ../out.tgz *"},
                            {"no compression", "tar -cf - * | gzip -1 >../out.tgz"}}) {
        CAPTURE(style.what);
        Scene scene;
        Release agent = scene.release("falcon-agent", "1.0.0");
        const fs::path dir = scene.host.root / "tree";
        fs::create_directories(dir / std::string(90, 'd'));
        write_file(dir / std::string(90, 'd') / std::string(90, 'f'), "long");
        write_file(dir / "control", agent.control(), 0755);
        write_file(dir / "program", "x", 0755);
        write_file(dir / "Ünïcödé 名前", "x");
        shell("cd " + dir.string() + " && " + style.tar + " 2>/dev/null");
        agent.published_as(read_file(scene.host.root / "out.tgz"));
        scene.want(agent);
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.host.runs_only(agent));
    }
}
