// The seed document's own command line, and where the program looks for what it is not told.
#include "expect.hpp"

using namespace e2e;

namespace {

/// The program in the ops dir, as the seed has it; its path.
fs::path in_the_ops_dir(Scene& scene) {
    const fs::path program = scene.host.ops / "ops-updater";
    fs::copy_file(program_under_test(), program);
    scene.host.own(program);
    return program;
}

RunOptions line(const Scene& scene, const std::string& script) {
    RunOptions options;
    options.bare = true;
    options.program = "/bin/sh";
    options.args = {"-c", script};
    options.directory = scene.host.ops;
    return options;
}

}  // namespace

TEST_CASE("the seed's own line installs an agent") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        in_the_ops_dir(scene);
        scene.host.write("ops-updater.yaml", "splay: 0\n");
        const Release agent = scene.release("falcon-agent", "1.0.0");
        scene.want(agent);
        const Result result =
            scene.host.run(line(scene, "exec ./ops-updater --interval=300 --debug=false --server=" +
                                           scene.meta.address()));
        CHECK_EXIT(result, 0);
        CHECK(scene.host.runs_only(agent));
        CHECK(scene.meta.reports().at(0).path == "/heartbeat");
    }
}

TEST_CASE("the seed's line under nohup and in the background is one pass, logged to its file") {
    Scene scene;
    in_the_ops_dir(scene);
    scene.host.write("ops-updater.yaml", "splay: 0\n");
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    const Result result =
        scene.host.run(line(scene, "nohup ./ops-updater --interval=300 --debug=false --server=" +
                                       scene.meta.address() + " > ops-updater.log 2>&1 & wait $!"));
    CHECK_EXIT(result, 0);
    CHECK(scene.host.runs_only(agent));
    CHECK_CONTAINS(read_file(scene.host.ops / "ops-updater.log"), "falcon-agent");
    CHECK(fs::exists(scene.host.ops / "ops-updater.log"));
}

TEST_CASE("the ops dir is the folder of the executable, whatever the working dir") {
    Scene scene;
    const fs::path program = in_the_ops_dir(scene);
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    RunOptions options;
    options.bare = true;
    options.program = program;
    options.args = {"--once", "--server=" + scene.meta.address()};
    options.directory = "/";
    CHECK_EXIT(scene.host.run(options), 0);
    CHECK(scene.host.runs_only(agent));
}

TEST_CASE("a configuration beside the executable is read, and the command line wins over it") {
    Scene scene;
    in_the_ops_dir(scene);
    scene.host.write("ops-updater.yaml",
                     "server: 127.0.0.1:1\nhostname: from-file\nsplay: 0\nprotocol: heartbeat\n");
    CHECK_EXIT(scene.host.run(line(scene, "exec ./ops-updater --server=" + scene.meta.address())),
               0);
    CHECK(scene.last_report().at("hostname") == "from-file");
    CHECK(scene.meta.reports().at(0).header("x-ops-hostname") == "from-file");
    CHECK_EXIT(scene.host.run(line(scene, "exec ./ops-updater --hostname=from-line --server=" +
                                              scene.meta.address())),
               0);
    CHECK(scene.last_report().at("hostname") == "from-line");
}

TEST_CASE("--config names another file") {
    Scene scene;
    in_the_ops_dir(scene);
    scene.host.write("ops-updater.yaml", "server: 127.0.0.1:1\n");
    scene.host.write("other.yaml", "server: " + scene.meta.address() + "\nsplay: 0\n");
    CHECK_EXIT(scene.host.run(line(scene, "exec ./ops-updater --config other.yaml")), 0);
    CHECK(scene.meta.reports().size() == 1);
}

TEST_CASE("ops_dir of the configuration is used, --ops-dir wins over it") {
    Scene scene;
    scene.host.set("ops_dir", "/nowhere/at/all");
    CHECK_EXIT(scene.pass(), 0);
    RunOptions options;
    options.bare = true;
    scene.host.write(scene.host.root / "only.yaml", "ops_dir: " + scene.host.ops.string() + "\n");
    options.args = {"--once", "--config=" + (scene.host.root / "only.yaml").string(),
                    "--server=" + scene.meta.address()};
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    CHECK_EXIT(scene.host.run(options), 0);
    CHECK(scene.host.runs_only(agent));
    scene.host.write(scene.host.root / "only.yaml", "ops_dir: /nowhere/at/all\n");
    CHECK_EXIT(scene.host.run(options), 78);
}

TEST_CASE("the hostname is the kernel's where none is given") {
    Scene scene;
    RunOptions options;
    options.bare = true;
    options.args = {"--once", "--ops-dir=" + scene.host.ops.string(),
                    "--config=" + scene.host.config_file().string(),
                    "--server=" + scene.meta.address()};
    scene.host.write(scene.host.config_file(), "{}\n");
    CHECK_EXIT(scene.host.run(options), 0);
    std::string expected = shell("cat /proc/sys/kernel/hostname");
    expected.pop_back();
    CHECK(scene.meta.reports().at(0).header("x-ops-hostname") == expected);
}

TEST_CASE("an empty configuration file is a good one") {
    Scene scene;
    for (const char* text : {"", "\n", "# nothing\n", "---\n", "{}\n"}) {
        CAPTURE(text);
        scene.host.write(scene.host.config_file(), text);
        RunOptions options;
        options.bare = true;
        options.args = scene.host.usual_args();
        CHECK_EXIT(scene.host.run(options), 0);
    }
}

TEST_CASE("the server may be written in several ways") {
    Scene scene;
    const std::string address = scene.meta.address();
    const std::map<std::string, std::string> paths = {
        {address, "/heartbeat"},
        {address + "/", "/heartbeat"},
        {"http://" + address, "/heartbeat"},
        {"http://" + address + "/", "/heartbeat"},
        {address + "/ops/report", "/ops/report"},
        {"http://" + address + "/v2", "/v2"},
    };
    for (const auto& each : paths) {
        const std::string server = each.first;
        const std::string path = each.second;
        CAPTURE(server);
        scene.meta.forget_requests();
        scene.host.server = server;
        CHECK_EXIT(scene.pass(), 0);
        REQUIRE(scene.meta.requests().size() == 1);
        CHECK(scene.meta.requests().at(0).path == path);
        CHECK(scene.meta.requests().at(0).method == "POST");
    }
}

TEST_CASE("the folder of the executable is no ops dir where it is a system bin folder") {
    // The program is put over another one of /usr/bin, in a mount namespace of its own.
    Scene scene;
    const fs::path copy = scene.host.root / "copy";
    fs::copy_file(program_under_test(), copy);
    const std::string map = ::geteuid() == 0 ? "" : "--map-root-user ";
    const Result result = scene.host.run(line(
        scene, "exec unshare " + map + "--mount sh -c 'mount --bind " + copy.string() +
                   " /usr/bin/sum && exec /usr/bin/sum --once --server=" + scene.meta.address() +
                   "'"));
    CHECK_EXIT(result, 78);
    CHECK_CONTAINS(result.err, "ops-dir");
    CHECK(scene.meta.reports().empty());
}
