// What is checked before anything is touched.
#include <sys/stat.h>

#include "expect.hpp"

using namespace e2e;

namespace {

/// A folder with links to these tools alone.
fs::path tools(Scene& scene, const Words& names) {
    const fs::path dir = scene.host.root / "tools";
    fs::create_directories(dir);
    for (const auto& name : names) {
        std::string real = shell("command -v " + name);
        real.pop_back();
        fs::create_symlink(real, dir / name);
    }
    return dir;
}

RunOptions with_path(const std::optional<std::string>& path) {
    RunOptions options;
    options.env["PATH"] = path;
    return options;
}

}  // namespace

TEST_CASE("all missing tools are named at once") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    const Result result = scene.host.run(with_path(tools(scene, {"sh", "sleep", "gzip"}).string()));
    CHECK_EXIT(result, 78);
    CHECK_CONTAINS(result.err, "tar");
    CHECK_CONTAINS(result.err, "md5sum");
    CHECK_CONTAINS(result.err, "sha256sum");
    CHECK_LACKS(result.err, "gzip");
    CHECK(scene.meta.reports().empty());
    CHECK_FALSE(fs::exists(scene.host.ops / "falcon-agent"));
}

TEST_CASE("with a minisign key, minisign is one of the tools") {
    Scene scene;
    scene.host.write(
        scene.host.root / "key.pub",
        "untrusted comment: x\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n");
    scene.host.set("verify", "{minisign_key: " + (scene.host.root / "key.pub").string() + "}");
    const auto path = tools(scene, {"sh", "sleep", "tar", "gzip", "md5sum", "sha256sum"});
    const Result result = scene.host.run(with_path(path.string()));
    CHECK_EXIT(result, 78);
    CHECK_CONTAINS(result.err, "minisign");
}

TEST_CASE("without a PATH, or with an empty one, the usual folders are searched") {
    for (const std::optional<std::string>& path :
         std::vector<std::optional<std::string>>{std::nullopt, ""}) {
        Scene scene;
        const Release agent = scene.release("falcon-agent", "1.0.0");
        scene.want(agent);
        CHECK_EXIT(scene.host.run(with_path(path)), 0);
        CHECK(scene.host.runs_only(agent));
    }
}

TEST_CASE("tools run by the path found, with LC_ALL=C and without variables that change them") {
    Scene scene;
    const fs::path dir = scene.host.root / "tools";
    for (const std::string tool : {"tar", "gzip", "md5sum"}) {
        std::string real = shell("command -v " + tool);
        real.pop_back();
        scene.host.write(dir / tool,
                         "#!/bin/sh\n{ echo \"" + tool + ": $0\"; env; } >>" +
                             scene.host.flag("env") + "\nexec " + real + " \"$@\"\n",
                         0755);
    }
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    RunOptions options = with_path(dir.string() + ":/usr/bin:/bin");
    options.env["TAR_OPTIONS"] = "--exclude=control";
    options.env["GZIP"] = "-9";
    options.env["LC_ALL"] = "zh_CN.UTF-8";
    options.env["POSIXLY_CORRECT"] = "1";
    CHECK_EXIT(scene.host.run(options), 0);
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.host.difference(agent) == "");
    const std::string seen = read_file(scene.host.flag("env"));
    CHECK_CONTAINS(seen, "tar: " + (dir / "tar").string());
    CHECK_CONTAINS(seen, "LC_ALL=C\n");
    CHECK_LACKS(seen, "TAR_OPTIONS");
    CHECK_LACKS(seen, "GZIP=");
    CHECK_LACKS(seen, "zh_CN");
}

TEST_CASE("an ops dir that is missing is not created") {
    Scene scene;
    scene.host.ops = scene.host.root / "nowhere";
    CHECK_EXIT(scene.pass(), 78);
    CHECK_FALSE(fs::exists(scene.host.ops));
    scene.host.ops = scene.host.root / "ops";
}

TEST_CASE("an ops dir that is a file is refused") {
    Scene scene;
    scene.host.ops = scene.host.root / "file";
    scene.host.write(scene.host.ops, "");
    CHECK_EXIT(scene.pass(), 78);
}

TEST_CASE("a world-writable ops dir is refused") {
    Scene scene;
    for (const mode_t mode : {0777, 01777, 0757}) {
        CAPTURE(mode);
        ::chmod(scene.host.ops.c_str(), mode);
        const Result result = scene.pass();
        CHECK_EXIT(result, 78);
        CHECK_CONTAINS(result.err, scene.host.ops.string());
    }
    ::chmod(scene.host.ops.c_str(), 0775);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.meta.reports().size() == 1);
}

TEST_CASE("an ops dir that cannot be written to is refused") {
    for (const User user : users()) {
        if (user == User::self && ::geteuid() == 0) continue;
        Scene scene(user);
        ::chmod(scene.host.ops.c_str(), 0555);
        CHECK_EXIT(scene.pass(), 78);
        ::chmod(scene.host.ops.c_str(), 0755);
        CHECK_EXIT(scene.pass(), 0);
    }
}

TEST_CASE("an ops dir of another user than the caller or root is refused") {
    if (::geteuid() != 0) return;  // only root can make one
    {
        Scene scene;
        REQUIRE(::chown(scene.host.ops.c_str(), 65534, 65534) == 0);
        const Result result = scene.pass();
        CHECK_EXIT(result, 78);
        CHECK(scene.meta.reports().empty());
    }
    {
        Scene scene(User::nobody);
        REQUIRE(::chown(scene.host.ops.c_str(), 12345, 65534) == 0);
        ::chmod(scene.host.ops.c_str(), 0775);
        CHECK_EXIT(scene.pass(), 78);
        REQUIRE(::chown(scene.host.ops.c_str(), 0, 65534) == 0);
        CHECK_EXIT(scene.pass(), 0);
    }
}

TEST_CASE("no server at all says what to write, and touches nothing") {
    Scene scene;
    scene.host.server.clear();
    const Result result = scene.pass();
    CHECK((result.code == 78 || result.code == 64));
    CHECK_CONTAINS(result.err, "server");
}
