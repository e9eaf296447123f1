// Command line, configuration, and the codes they end with.
#include <sys/stat.h>

#include "expect.hpp"

using namespace e2e;

namespace {

Result bare(Scene& scene, const Words& args) {
    RunOptions options;
    options.bare = true;
    options.args = args;
    return scene.host.run(options);
}

Result with_config(Scene& scene, const std::string& text, mode_t mode = 0644) {
    const fs::path file = scene.host.root / "tried.yaml";
    scene.host.write(file, text, mode);
    return bare(scene,
                {"--once", "--config=" + file.string(), "--ops-dir=" + scene.host.ops.string(),
                 "--hostname=web-01", "--server=" + scene.meta.address()});
}

}  // namespace

TEST_CASE("--version and --help go to stdout and end with 0") {
    Scene scene;
    const Result version = bare(scene, {"--version"});
    CHECK_EXIT(version, 0);
    CHECK_CONTAINS(version.out, "1.");
    CHECK(version.err.empty());
    const Result help = bare(scene, {"--help"});
    CHECK_EXIT(help, 0);
    CHECK(help.err.empty());
    for (const char* option : {"--server", "--ops-dir", "--config", "--interval", "--splay",
                               "--hostname", "--debug", "--once", "--dry-run", "--desired",
                               "--agent", "--retry", "--status", "--format", "--version", "--help"})
        CHECK_CONTAINS(help.out, option);
    for (const char* code : {"0", "1", "64", "69", "75", "78", "128"})
        CHECK_CONTAINS(help.out, code);
}

TEST_CASE("a wrong command line ends with 64, says why, and touches nothing") {
    const std::vector<Words> lines = {
        {"--no-such-option"},
        {"--sever=127.0.0.1:1"},
        {"-x"},
        {"positional"},
        {"--server"},
        {"--interval=abc"},
        {"--interval=-5"},
        {"--interval=1.5"},
        {"--interval="},
        {"--splay=-1"},
        {"--splay=x"},
        {"--debug=maybe"},
        {"--format=xml"},
        {"--server=ftp://127.0.0.1/"},
        {"--server=http://"},
        {"--agent=../x"},
        {"--agent="},
        {"--hostname="},
        {"--hostname=a\nb"},
    };
    Scene scene;
    for (const auto& args : lines) {
        CAPTURE(args);
        const Result result = scene.pass(args);
        CHECK_EXIT(result, 64);
        CHECK_FALSE(result.err.empty());
        CHECK(scene.meta.reports().empty());
    }
}

TEST_CASE("a mistyped flag suggests the nearest one") {
    Scene scene;
    CHECK_CONTAINS(scene.pass({"--intervall=300"}).err, "--interval");
}

TEST_CASE("a bad configuration ends with 78 and names file, line and key") {
    struct Case {
        const char* text;
        const char* line;
        const char* key;
    };
    const std::vector<Case> cases = {
        {"sever: x\n", ":1", "sever"},
        {"splay: 1\n\nintervall: 300\n", ":3", "intervall"},
        {"interval: abc\n", ":1", "interval"},
        {"interval: -1\n", ":1", "interval"},
        {"interval: [1]\n", ":1", "interval"},
        {"splay: soon\n", ":1", "splay"},
        {"protocol: smtp\n", ":1", "protocol"},
        {"hostname: [a]\n", ":1", "hostname"},
        {"agents: falcon/agent\n", ":1", "agents"},
        {"agents: {a: b}\n", ":1", "agents"},
        {"agents: [../x]\n", ":1", "agents"},
        {"hold: [[a]]\n", ":1", "hold"},
        {"keep_versions: 0\n", ":1", "keep_versions"},
        {"keep_versions: many\n", ":1", "keep_versions"},
        {"timeouts: 5\n", ":1", "timeouts"},
        {"timeouts:\n  conect: 1\n", ":2", "conect"},
        {"timeouts: {status: 0}\n", ":1", "status"},
        {"timeouts: {status: -3}\n", ":1", "status"},
        {"timeouts: {start: x}\n", ":1", "start"},
        {"download: {jobs: 0}\n", ":1", "jobs"},
        {"download: {retries: -1}\n", ":1", "retries"},
        {"download: {max_size: 2X}\n", ":1", "max_size"},
        {"download: {max_size: -1}\n", ":1", "max_size"},
        {"download: {max_unpacked: lots}\n", ":1", "max_unpacked"},
        {"download: {max_rate: 1.5M}\n", ":1", "max_rate"},
        {"download: {speed: 1}\n", ":1", "speed"},
        {"rollback: {retry_after: -1}\n", ":1", "retry_after"},
        {"rollback: {probation: x}\n", ":1", "probation"},
        {"rollback: {max_restarts: 0}\n", ":1", "max_restarts"},
        {"rollback: {retries: 1}\n", ":1", "retries"},
        {"tls: {ca: x}\n", ":1", "ca"},
        {"tls: yes\n", ":1", "tls"},
        {"verify: {key: x}\n", ":1", "key"},
        {"proxy: [x]\n", ":1", "proxy"},
        {"server: {a: b}\n", ":1", "server"},
        {"metrics_file: [x]\n", ":1", "metrics_file"},
    };
    Scene scene;
    for (const auto& each : cases) {
        CAPTURE(each.text);
        const Result result = with_config(scene, each.text);
        CHECK_EXIT(result, 78);
        CHECK_CONTAINS(result.err, std::string("tried.yaml") + each.line);
        CHECK_CONTAINS(result.err, each.key);
        CHECK(scene.meta.reports().empty());
    }
}

TEST_CASE("a configuration that is no YAML mapping ends with 78 and names the file") {
    Scene scene;
    for (const char* text : {"[1, 2]\n", "just text\n", "a: b: c\n", "{unclosed\n", "\tserver: x\n",
                             "server: x\nserver: y\nserver\n", "\x01\x02\x03"}) {
        CAPTURE(text);
        const Result result = with_config(scene, text);
        CHECK_EXIT(result, 78);
        CHECK_CONTAINS(result.err, "tried.yaml");
    }
}

TEST_CASE("a mistyped key suggests the nearest one") {
    Scene scene;
    CHECK_CONTAINS(with_config(scene, "keep_version: 3\n").err, "keep_versions");
}

TEST_CASE("a configuration that was named and is not there ends with 78") {
    Scene scene;
    const Result result = bare(scene, {"--once", "--config=/no/such.yaml", "--server=127.0.0.1:1",
                                       "--ops-dir=" + scene.host.ops.string()});
    CHECK_EXIT(result, 78);
    CHECK_CONTAINS(result.err, "/no/such.yaml");
}

TEST_CASE("every key of the contract is accepted") {
    Scene scene;
    for (const char* name : {"token", "netrc", "key.pem"})
        scene.host.write(scene.host.root / name, "x\n", 0600);
    const std::string root = scene.host.root.string();
    const Result result = with_config(
        scene, "server: meta.example.com:2200\nprotocol: list\nhostname: web-02\nops_dir: " +
                   scene.host.ops.string() +
                   "\ninterval: 300\nsplay: 240\nagents: [falcon-agent]\nhold: [dinp-agent]\n"
                   "keep_versions: 3\n"
                   "timeouts: {connect: 10, report: 30, download: 900, stall: 30, status: 10, "
                   "start: 60, stop: 60}\n"
                   "download: {jobs: 4, retries: 3, max_rate: 0, max_size: 2G, max_unpacked: 8G}\n"
                   "rollback: {retry_after: 600, probation: 3600, max_restarts: 3}\n"
                   "tls: {ca_file: , cert_file: , key_file: }\n"
                   "token_file: " +
                   root + "/token\nnetrc_file: " + root +
                   "/netrc\nproxy: \nverify: {minisign_key: }\nmetrics_file: " + root +
                   "/ops.prom\n");
    CHECK_EXIT(result, 0);
    CHECK(fs::exists(scene.host.root / "ops.prom"));
    CHECK(scene.meta.reports().at(0).header("authorization") == "Bearer x");
}

TEST_CASE("sizes take K, M and G") {
    Scene scene;
    for (const char* size : {"500000", "512K", "2M", "1G", "512k"}) {
        CAPTURE(size);
        CHECK_EXIT(with_config(scene, std::string("download: {max_size: ") + size + "}\n"), 0);
    }
}

TEST_CASE("a secret that group or others can read ends with 78") {
    Scene scene;
    const fs::path secret = scene.host.root / "secret";
    for (const std::string key :
         {"token_file: @", "netrc_file: @", "tls: {cert_file: /dev/null, key_file: @}"})
        for (const mode_t mode : {0640, 0604, 0644, 0660}) {
            CAPTURE(key);
            CAPTURE(mode);
            scene.host.write(secret, "s3cr3t\n", mode);
            std::string text = key;
            text.replace(text.find('@'), 1, secret.string());
            const Result result = with_config(scene, text + "\n");
            CHECK_EXIT(result, 78);
            CHECK_CONTAINS(result.err, secret.string());
            CHECK_LACKS(result.err, "s3cr3t");
            CHECK(scene.meta.reports().empty());
        }
}

TEST_CASE("a token over plain http is warned of, and never printed") {
    Scene scene;
    scene.host.write(scene.host.root / "token", "s3cr3t-token\n", 0600);
    scene.host.set("token_file", (scene.host.root / "token").string());
    const Result result = scene.pass({"--debug"});
    CHECK_EXIT(result, 0);
    CHECK_CONTAINS(result.err, "token");
    CHECK_LACKS(result.err + result.out, "s3cr3t-token");
    CHECK(scene.meta.reports().at(0).header("authorization") == "Bearer s3cr3t-token");
}

TEST_CASE("a max_rate that would trip the stall limit ends with 78") {
    Scene scene;
    const Result result = with_config(scene, "download: {max_rate: 500}\n");
    CHECK_EXIT(result, 78);
    CHECK_CONTAINS(result.err, "max_rate");
    CHECK_EXIT(with_config(scene, "download: {max_rate: 10M}\n"), 0);
}

TEST_CASE("--debug shows requests, answers and commands") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    for (const char* flag : {"--debug", "--debug=true"}) {
        const Result result = scene.pass({flag});
        CHECK_EXIT(result, 0);
        CHECK_CONTAINS(result.err, "/heartbeat");
        CHECK_CONTAINS(result.err, "control status");
        CHECK_CONTAINS(result.err, "\"tarball\"");
    }
    CHECK_LACKS(scene.pass({"--debug=false"}).err, "control status");
}

TEST_CASE("69 wins over 1") {
    Scene scene;
    Release bad = scene.release("falcon-agent", "1.0.0");
    scene.want(bad);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.host.write(scene.host.dir(bad) / "control", "#!/bin/sh\nexit 3\n", 0755);
    scene.host.crash(bad);
    scene.host.timeout("start", 1);
    CHECK_EXIT(scene.pass(), 1);
    scene.meta.shut_down();
    CHECK_EXIT(scene.pass(), 69);
}

TEST_CASE("a bad version that is being waited out is 1") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    Release bad = scene.release("falcon-agent", "1.0.1");
    bad.start_fails();
    scene.want(old);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.want(bad);
    CHECK_EXIT(scene.pass(), 1);
    CHECK_EXIT(scene.pass(), 1);
    CHECK(scene.host.count(bad, "start") == 1);
}
