// A disk that is full, or fills up.
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "expect.hpp"

using namespace e2e;

namespace {

/// The ops dir on a small filesystem of its own. Root alone can do that here; an unprivileged user
/// runs the program in a namespace of its own and sees the disk only through it.
class SmallDisk {
  public:
    SmallDisk(Host& host, const std::string& size) : host_(host), ops_(host.ops) {
        mounted_ = ::geteuid() == 0 && ::mount("ops", ops_.c_str(), "tmpfs", 0,
                                               ("size=" + size + ",mode=0755").c_str()) == 0;
    }
    ~SmallDisk() {
        if (!mounted_) return;
        host_.stop_everything();  // without the mount its processes cannot be found any more
        ::umount2(ops_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    [[nodiscard]] bool mounted() const { return mounted_; }
    [[nodiscard]] std::uint64_t free() const {
        struct statvfs info {};
        REQUIRE(::statvfs(ops_.c_str(), &info) == 0);
        return info.f_bavail * info.f_frsize;
    }

  private:
    const Host& host_;
    fs::path ops_;
    bool mounted_ = false;
};

}  // namespace

TEST_CASE(
    "a download that cannot fit is refused before it begins, with the bytes needed and free") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    const Release other = scene.release("dinp-agent", "2.0.0");
    scene.host.has_running(old);
    scene.want(next);
    scene.want(other);
    struct statvfs info {};
    REQUIRE(::statvfs(scene.host.ops.c_str(), &info) == 0);
    const std::size_t too_much = info.f_bavail * info.f_frsize + (1U << 30U);
    scene.meta.behave(next.path(), {.claim = too_much});
    scene.host.set("download", "{max_size: 100000G, max_unpacked: 100000G, retries: 0}");
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "falcon-agent");
    CHECK_CONTAINS(result.err, "free");
    CHECK(scene.host.runs_only(old));
    CHECK(scene.host.runs_only(other));
    const fs::path part = scene.host.tarball(next).string() + ".part";
    CHECK((!fs::exists(part) || fs::file_size(part) < next.tarball().size()));
}

TEST_CASE("a disk that is too small for the tarball: refused, the old version runs on") {
    Scene scene;
    const SmallDisk disk(scene.host, "4m");
    if (!disk.mounted()) return;
    const Release old = scene.release("falcon-agent", "1.0.0");
    Release next = scene.release("falcon-agent", "1.0.1");
    next.file("blob", noise(6000000));
    scene.host.has_running(old);
    scene.want(next);
    const auto before = disk.free();
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "free");
    CHECK(scene.host.runs_only(old));
    CHECK(disk.free() + 300000 > before);
}

TEST_CASE(
    "a disk that fills up while tar runs: the space is given back, nothing half-made is used") {
    Scene scene;
    const SmallDisk disk(scene.host, "6m");
    if (!disk.mounted()) return;
    const Release old = scene.release("falcon-agent", "1.0.0");
    Release next = scene.release("falcon-agent", "1.0.1");
    next.file("zero", std::string(20000000, '\0'));  // a small tarball, a large tree
    scene.host.has_running(old);
    scene.want(next);
    const auto before = disk.free();
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "falcon-agent");
    CHECK(scene.host.runs_only(old));
    CHECK_FALSE(fs::exists(scene.host.dir(next) / "control"));
    CHECK(disk.free() + 300000 > before);
    CHECK_EXIT(scene.pass(), 1);
    // A smaller build fits.
    const Release small = scene.release("falcon-agent", "1.0.1");
    scene.want(small);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(small));
}

TEST_CASE("the free space is shared by all stages of a pass: those that fit get in") {
    Scene scene;
    const SmallDisk disk(scene.host, "8m");
    if (!disk.mounted()) return;
    std::vector<Release> agents;
    for (int i = 0; i < 6; ++i) {
        agents.push_back(scene.release("agent-" + std::to_string(i), "1.0.0"));
        agents.back().file("zero", std::string(3000000, '\0'));
        scene.want(agents.back());
    }
    CHECK_EXIT(scene.pass(), 1);
    int well = 0;
    for (const auto& agent : agents) {
        const bool runs = scene.host.runs_only(agent);
        well += runs ? 1 : 0;
        if (runs) CHECK(scene.host.difference(agent) == "");
        if (!runs) CHECK_FALSE(fs::exists(scene.host.dir(agent) / "control"));
    }
    CHECK(well >= 1);
    CHECK(well <= 2);
}

TEST_CASE("with the disk full to the last byte the agents are still kept in their run state") {
    Scene scene;
    const SmallDisk disk(scene.host, "4m");
    if (!disk.mounted()) return;
    const Release crashed = scene.release("falcon-agent", "1.0.0");
    const Release old = scene.release("dinp-agent", "2.0.0");
    const Release next = scene.release("dinp-agent", "2.0.1");
    scene.want(crashed);
    scene.want(old);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.host.crash(crashed);
    write_file(scene.host.dir(crashed) / "pid", "999999\n");  // so that start can write it
    scene.want(next);
    CHECK_THROWS(write_file(scene.host.ops / "filler", std::string(5000000, 'x')));
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK(scene.host.runs_only(old));
    CHECK(scene.host.count(crashed, "start") == 2);
    fs::remove(scene.host.ops / "filler");
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(crashed));
    CHECK(scene.host.runs_only(next));
}

TEST_CASE("a disk without free inodes: said, survived, mended") {
    Scene scene;
    const SmallDisk disk(scene.host, "50m,nr_inodes=60");
    if (!disk.mounted()) return;
    Release agent = scene.release("falcon-agent", "1.0.0");
    for (int i = 0; i < 200; ++i)
        agent.file("f/" + std::to_string(i), "x");
    scene.want(agent);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "falcon-agent");
    CHECK_FALSE(fs::exists(scene.host.dir(agent) / "control"));
    const Release small = scene.release("falcon-agent", "1.0.0");
    scene.want(small);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(small));
}
