// What people and their tools see: --status, metrics, the log.
#include <sys/stat.h>

#include <ctime>
#include <regex>
#include <set>
#include <sstream>

#include "expect.hpp"

using namespace e2e;

namespace {

/// `name{labels}` -> value.
std::map<std::string, double> metrics(const fs::path& file) {
    std::map<std::string, double> values;
    for (const auto& line : lines_of(read_file(file))) {
        if (line.empty() || line[0] == '#') continue;
        const auto blank = line.rfind(' ');
        REQUIRE(blank != std::string::npos);
        values[line.substr(0, blank)] = std::stod(line.substr(blank + 1));
    }
    return values;
}

}  // namespace

TEST_CASE("the metrics tell when a pass was, how long it took, what is up and what is in sync") {
    Scene scene;
    const fs::path file = scene.host.root / "textfile" / "ops_updater.prom";
    scene.host.make_dir(file.parent_path());
    scene.host.set("metrics_file", file.string());
    const Release good = scene.release("falcon-agent", "1.0.0");
    const Release old = scene.release("dinp-agent", "2.0.0");
    const Release next = scene.release("dinp-agent", "2.0.1");
    scene.host.has_running(old);
    scene.want(good);
    REQUIRE_EXIT(scene.pass(), 0);
    auto seen = metrics(file);
    const auto now = static_cast<double>(std::time(nullptr));
    CHECK(seen.at("ops_updater_last_pass_timestamp_seconds") == doctest::Approx(now).epsilon(1e-7));
    CHECK(seen.at("ops_updater_last_success_timestamp_seconds") ==
          doctest::Approx(now).epsilon(1e-7));
    CHECK(seen.at("ops_updater_pass_duration_seconds") > 0);
    CHECK(seen.at("ops_updater_pass_duration_seconds") < 30);
    CHECK(seen.at(R"(ops_updater_agent_up{name="falcon-agent",version="1.0.0"})") == 1);
    CHECK(seen.at(R"(ops_updater_agent_in_sync{name="falcon-agent"})") == 1);
    CHECK(seen.at(R"(ops_updater_agent_up{name="dinp-agent",version="2.0.0"})") == 1);
    struct stat info {};
    REQUIRE(::stat(file.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0644);
    CHECK(tree(file.parent_path()) == Words{"ops_updater.prom"});  // nothing temporary is left

    scene.want(next, "start", {{"md5", std::string(32, '0')}});
    REQUIRE_EXIT(scene.pass(), 1);
    const auto failed = metrics(file);
    CHECK(failed.at(R"(ops_updater_agent_in_sync{name="dinp-agent"})") == 0);
    CHECK(failed.at(R"(ops_updater_agent_in_sync{name="falcon-agent"})") == 1);
    CHECK(failed.at("ops_updater_last_success_timestamp_seconds") ==
          seen.at("ops_updater_last_success_timestamp_seconds"));
    CHECK(failed.at("ops_updater_last_pass_timestamp_seconds") >=
          seen.at("ops_updater_last_pass_timestamp_seconds"));
}

TEST_CASE("every metric has its HELP and its TYPE, once, before its values") {
    Scene scene;
    const fs::path file = scene.host.root / "ops_updater.prom";
    scene.host.set("metrics_file", file.string());
    scene.want(scene.release("falcon-agent", "1.0.0"));
    scene.want(scene.release("dinp-agent", "1.0.0"));
    REQUIRE_EXIT(scene.pass(), 0);
    std::set<std::string> typed;
    for (const auto& line : lines_of(read_file(file))) {
        std::istringstream words(line);
        std::string mark;
        std::string kind;
        std::string name;
        words >> mark >> kind >> name;
        if (mark == "#" && kind == "TYPE") CHECK(typed.insert(name).second);
        if (mark != "#") CHECK(typed.contains(line.substr(0, line.find_first_of("{ "))));
    }
    CHECK(typed.contains("ops_updater_agent_up"));
}

TEST_CASE("metrics are readable by all under umask 0777, and are written when ops-meta is down") {
    Scene scene;
    const fs::path file = scene.host.root / "ops_updater.prom";
    scene.host.set("metrics_file", file.string());
    scene.meta.shut_down();
    RunOptions options;
    options.in_child = [] { ::umask(0777); };
    CHECK_EXIT(scene.host.run(options), 69);
    struct stat info {};
    REQUIRE(::stat(file.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0644);
    CHECK(metrics(file).contains("ops_updater_last_pass_timestamp_seconds"));
}

TEST_CASE("a metrics file that cannot be written fails no agent") {
    Scene scene;
    scene.host.set("metrics_file", (scene.host.root / "no" / "such" / "dir" / "x.prom").string());
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    const Result result = scene.pass();
    CHECK_CONTAINS(result.err, "x.prom");
    CHECK(scene.host.runs_only(agent));
}

TEST_CASE("--status works offline, without a server, as text and as JSON") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        const Release falcon = scene.release("falcon-agent", "1.0.0");
        const Release spare = scene.release("falcon-agent", "0.9.0");
        const Release dinp = scene.release("dinp-agent", "2.0.0");
        scene.host.has_running(falcon);
        scene.host.unpack(spare);
        scene.host.has(dinp);
        scene.host.server.clear();
        const auto before = snapshot(scene.host.ops);
        const Result text = scene.pass({"--status"});
        CHECK_EXIT(text, 0);
        for (const char* word :
             {"falcon-agent", "1.0.0", "started", "dinp-agent", "2.0.0", "stopped"})
            CHECK_CONTAINS(text.out, word);
        const Json status = scene.status_of("falcon-agent");
        CHECK(status.at("version") == "1.0.0");
        CHECK(status.at("status") == "started");
        CHECK(status.at("versions") == Json{"0.9.0", "1.0.0"});
        CHECK(status.at("held") == nullptr);
        CHECK(status.at("failed") == nullptr);
        CHECK(snapshot(scene.host.ops) == before);
        CHECK(scene.meta.requests().empty());
        for (const auto& event : scene.host.journal())
            CHECK(event.verb == "status");
    }
}

TEST_CASE("--status of an empty ops dir is an empty list") {
    Scene scene;
    const Result result = scene.pass({"--status", "--format=json"});
    CHECK_EXIT(result, 0);
    CHECK(Json::parse(result.out).at("agents") == Json::array());
}

TEST_CASE("an error line names agent, version and cause") {
    Scene scene;
    Release bad = scene.release("falcon-agent", "1.0.1");
    bad.start_fails("cannot bind to port 1988");
    scene.want(bad);
    const Result result = scene.pass();
    REQUIRE_EXIT(result, 1);
    bool found = false;
    for (const auto& line : lines_of(result.err))
        found = found || (contains(line, "ERROR") && contains(line, "falcon-agent") &&
                          contains(line, "1.0.1"));
    CHECK(found);
    CHECK_CONTAINS(result.err, "cannot bind to port 1988");
}

TEST_CASE("in a pipe there is neither colour nor a progress bar") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.file("blob", noise(2000000));
    scene.want(agent);
    const Result result = scene.pass();
    REQUIRE_EXIT(result, 0);
    CHECK_LACKS(result.err, "\x1b");
    CHECK_LACKS(result.err, "\r");
    CHECK_LACKS(result.err, "%");
}

TEST_CASE("under the journal the log has no times of its own") {
    Scene scene;
    scene.want(scene.release("falcon-agent", "1.0.0"));
    RunOptions options;
    // As systemd does it: the device and inode of the stream.
    options.bare = true;
    options.program = "/bin/sh";
    std::string line = "exec " + program_under_test().string();
    for (const auto& arg : scene.host.usual_args())
        line += " '" + arg + "'";
    options.args = {"-c",
                    "JOURNAL_STREAM=$(stat -L -c '%d:%i' /proc/self/fd/2); "
                    "export JOURNAL_STREAM; " +
                        line};
    scene.host.write(scene.host.config_file(), scene.host.config());
    const Result result = scene.host.run(options);
    REQUIRE_EXIT(result, 0);
    REQUIRE_FALSE(result.err.empty());
    static const std::regex time(R"(\d\d:\d\d:\d\d)");
    for (const auto& text : lines_of(result.err))
        CHECK_FALSE(std::regex_search(text, time));
}
