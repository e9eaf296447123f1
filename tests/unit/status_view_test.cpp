#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "hostile.hpp"
#include "rules/views.hpp"

using nlohmann::json;
using ops::AgentStatus;
using ops::Cmd;
using ops::RunState;

namespace {

constexpr std::int64_t now = 1'769'850'900;  // 2026-01-31T09:15:00Z
constexpr ops::ViewStyle plain{false, 100};
constexpr ops::ViewStyle coloured{true, 100};

AgentStatus agent(const std::string& name, const std::string& version, RunState state,
                  const std::string& desired, Cmd cmd) {
    AgentStatus status;
    status.observed.name = name;
    status.observed.has_version_file = true;
    status.observed.version_file = version;
    status.observed.current = version;
    status.observed.state = state;
    ops::VersionDir dir;
    dir.version = version;
    dir.has_control = true;
    status.observed.versions = {dir};
    status.desired.emplace();
    status.desired->name = name;
    status.desired->version = desired;
    status.desired->cmd = cmd;
    return status;
}

AgentStatus well() {
    return agent("dinp-agent", "2.0.0", RunState::stopped, "2.0.0", Cmd::stop);
}

AgentStatus with_failure() {
    AgentStatus status = agent("falcon-agent", "1.0.0", RunState::started, "1.0.1", Cmd::start);
    status.memory.failure = ops::Failure{
        "1.0.1", {},        "start: exit 3", "reading cfg.json\nbind: address already in use\n",
        2,       now - 180, now + 720};
    return status;
}

AgentStatus with_hold() {
    AgentStatus status = agent("held-agent", "1.0.0", RunState::started, "1.2.0", Cmd::start);
    status.observed.held = "until monday";
    return status;
}

AgentStatus with_trouble() {
    AgentStatus status;
    status.observed.name = "new-agent";
    status.memory.trouble = ops::Trouble{"1.0.0", "cannot get the md5: 404", now - 60};
    return status;
}

ops::StatusReport report(std::vector<AgentStatus> agents) {
    ops::StatusReport made;
    made.ops_dir = "/home/work/ops";
    made.agents = std::move(agents);
    made.now = now;
    return made;
}

std::string text_of(const AgentStatus& status, const ops::ViewStyle& style = plain) {
    return ops::status_text(report({status}), style);
}

json json_of(const AgentStatus& status) {
    return json::parse(ops::status_json(report({status})))["agents"][0];
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the status is a table, what is wrong in blocks, and how the last pass ended") {
    ops::StatusReport whole = report({well(), with_failure(), with_hold(), with_trouble()});
    whole.answer_at = now - 180;
    whole.last_pass = ops::LastPass{now - 180, now - 7200, 1, 0.25, {"the metrics file is full"}};
    whole.running = ops::Running{4711, 1, now + 95};
    CHECK(ops::status_text(whole, plain) ==
          "AGENT         VERSION  STATE    DESIRED      NOTE\n"
          "dinp-agent    2.0.0    stopped  2.0.0 stop\n"
          "falcon-agent  1.0.0    started  1.0.1 start  1.0.1 failed, next try in 12m\n"
          "held-agent    1.0.0    started  1.2.0 start  held: until monday\n"
          "new-agent     -        -        -            in trouble\n"
          "\n"
          "falcon-agent\n"
          "  1.0.1 failed 3m ago (2 tries so far): start: exit 3\n"
          "    | reading cfg.json\n"
          "    | bind: address already in use\n"
          "  next try at 2026-01-31T09:27:00Z, in 12m\n"
          "\n"
          "new-agent\n"
          "  1.0.0: cannot get the md5: 404 (1m ago)\n"
          "\n"
          "What is desired was told 3m ago\n"
          "Last pass 3m ago: exit 1, an agent or an entry failed, took 250ms; "
          "last success 2h ago\n"
          "  the metrics file is full\n"
          "A pass is running: pid 4711, in its splay until 2026-01-31T09:16:35Z (1m 35s left)\n");
}

TEST_CASE("an ops dir in which nothing has happened yet says so") {
    CHECK(ops::status_text(report({}), plain) ==
          "No agents in /home/work/ops\n"
          "\n"
          "What is desired is not known: no answer of ops-meta is kept\n"
          "No pass has ended here yet\n");
}

TEST_CASE("a pass past its splay is just running") {
    ops::StatusReport whole = report({});
    whole.running = ops::Running{4711, 1, now - 1};
    CHECK(contains(ops::status_text(whole, plain), "A pass is running: pid 4711\n"));
}

TEST_CASE("exit codes are explained") {
    ops::StatusReport whole = report({});
    const auto line_for = [&](int code) {
        whole.last_pass = ops::LastPass{now, now, code, 1, {}};
        return ops::status_text(whole, plain);
    };
    CHECK(contains(line_for(0), "Last pass just now: exit 0, all as desired, took 1s\n"));
    CHECK(contains(line_for(69), "exit 69, ops-meta was unreachable"));
    CHECK(contains(line_for(143), "exit 143, ended by signal 15"));
    whole.last_pass = ops::LastPass{now, 0, 1, 1, {}};
    CHECK(contains(ops::status_text(whole, plain), "; no success yet\n"));
}

TEST_CASE("of a script's output the last lines are shown") {
    AgentStatus status = with_failure();
    std::string output;
    for (int i = 1; i <= 25; ++i)
        output += "line " + std::to_string(i) + "\n";
    status.memory.failure->output = output + "\n \n";
    const std::string text = text_of(status);
    CHECK_FALSE(contains(text, "| line 15\n"));
    CHECK(contains(text, "    | … 15 lines more\n    | line 16\n"));
    CHECK(contains(text, "    | line 25\n  next try"));
}

TEST_CASE("a wait that is over ends with the next pass") {
    AgentStatus status = with_failure();
    status.memory.failure->retry_at = now;
    CHECK(contains(text_of(status), "1.0.1 failed, next try with the next pass"));
    CHECK(contains(text_of(status), "next try at 2026-01-31T09:15:00Z, with the next pass"));
}

TEST_CASE("a time in the future is told as such: the clock was ahead") {
    AgentStatus status = with_trouble();
    status.memory.trouble->at = now + 600;
    CHECK(contains(text_of(status), "(at 2026-01-31T09:25:00Z, by a clock that was ahead)"));
}

TEST_CASE("an agent that is not as desired says so even without colour") {
    CHECK(contains(text_of(agent("a", "1", RunState::stopped, "1", Cmd::start)), "not as desired"));
    CHECK(contains(text_of(agent("a", "1", RunState::started, "2", Cmd::start)), "not as desired"));
    CHECK_FALSE(contains(text_of(well()), "not as desired"));
    CHECK_FALSE(contains(text_of(agent("a", "1", RunState::stopped, "", Cmd::none)), "as desired"));
}

TEST_CASE("a fault, an unknown state and an unfinished switch are told") {
    AgentStatus status = agent("a", "2", RunState::unknown, "2", Cmd::start);
    status.observed.trouble = "status: timed out after 10s";
    CHECK(contains(text_of(status), "\na\n  2: status: timed out after 10s\n"));
    status = agent("a", "2", RunState::stopped, "2", Cmd::start);
    status.observed.fault = status.observed.trouble = "several versions are started";
    CHECK(contains(text_of(status), "\na\n  several versions are started\n\n"));
    status = agent("a", "2", RunState::stopped, "2", Cmd::start);
    status.memory.last_switch.emplace();
    ops::Switch& record = *status.memory.last_switch;
    record.from = "1";
    record.to = "2";
    CHECK(contains(text_of(status), "not yet seen started since its switch"));
    record.phase = ops::Switch::Phase::undoing;
    CHECK(contains(text_of(status), "rollback to 1 is not finished"));
    record.phase = ops::Switch::Phase::probation;
    record.restarts = 2;
    CHECK(contains(text_of(status), "found stopped 2 times since its switch"));
    record.to = "9";  // not what is in use
    CHECK_FALSE(contains(text_of(status), "found stopped"));
}

TEST_CASE("without colour there are no escapes, with it trouble stands out") {
    CHECK(text_of(with_failure()).find('\x1b') == std::string::npos);
    CHECK(contains(text_of(with_failure(), coloured), "\x1b[31mfalcon-agent\x1b[0m"));
    CHECK(contains(text_of(well(), coloured), "\x1b[32mstopped\x1b[0m"));
    const AgentStatus down = agent("a", "1", RunState::stopped, "1", Cmd::start);
    CHECK(contains(text_of(down, coloured), "\x1b[31mstopped\x1b[0m"));
}

TEST_CASE("nothing that others wrote steers the terminal or breaks the JSON") {
    const std::string& bad = hostile::text;
    AgentStatus status = with_failure();
    status.observed.held = status.observed.trouble = status.observed.fault = bad;
    status.observed.name = bad;
    status.observed.current = bad;
    status.memory.failure->version = status.memory.failure->cause = bad;
    status.memory.failure->output = bad + "\n" + bad;
    status.memory.trouble = ops::Trouble{"x" + bad, bad, now};
    status.desired->version = bad;
    ops::StatusReport whole = report({status});
    whole.ops_dir = bad;
    whole.last_pass = ops::LastPass{now, now, 1, 1, {bad}};
    CHECK(hostile::is_harmless(ops::status_text(whole, plain)));
    CHECK(hostile::is_harmless(ops::status_text(whole, coloured), true));
    const std::string text = ops::status_json(whole);
    CHECK(hostile::is_harmless(text));
    CHECK(json::accept(text));
}

// --- JSON ----------------------------------------------------------------------------------------

TEST_CASE("the status's JSON has the contract's fields") {
    const json parsed = json_of(with_failure());
    CHECK(parsed["name"] == "falcon-agent");
    CHECK(parsed["version"] == "1.0.0");
    CHECK(parsed["status"] == "started");
    CHECK(parsed["versions"] == json::array({"1.0.0"}));
    CHECK(parsed["held"].is_null());
    CHECK(parsed["failed"]["version"] == "1.0.1");
    CHECK(parsed["failed"]["cause"] == "start: exit 3");
    CHECK(parsed["failed"]["output"] == "reading cfg.json\nbind: address already in use\n");
    CHECK(parsed["failed"]["retry_at"] == "2026-01-31T09:27:00Z");
    CHECK(parsed["desired"] == json{{"version", "1.0.1"}, {"cmd", "start"}});
}

TEST_CASE("held is the reason, an empty one too, or null") {
    CHECK(json_of(with_hold())["held"] == "until monday");
    AgentStatus status = with_hold();
    status.observed.held = "";
    CHECK(json_of(status)["held"] == "");
    CHECK(json_of(well())["held"].is_null());
}

TEST_CASE("the versions are those that could be started") {
    AgentStatus status = well();
    ops::VersionDir dir;
    dir.version = "2.0.1";
    dir.has_control = dir.has_tarball = true;  // an unfinished unpack
    status.observed.versions.push_back(dir);
    CHECK(json_of(status)["versions"] == json::array({"2.0.0"}));
    // In C's own dir a tarball is a relic.
    status.observed.versions.front().has_tarball = true;
    CHECK(json_of(status)["versions"] == json::array({"2.0.0"}));
}

TEST_CASE("the status's JSON has null where there is nothing") {
    const json agent = json_of(with_trouble());
    for (const char* field : {"version", "held", "failed", "desired"}) {
        CHECK(agent.contains(field));
        CHECK(agent[field].is_null());
    }
    CHECK(agent["status"] == "unknown");
    CHECK(agent["versions"] == json::array());
    CHECK(agent["trouble"] == json::array({"1.0.0: cannot get the md5: 404"}));
    const std::string text = ops::status_json(report({}));
    CHECK(text.back() == '\n');
    const json whole = json::parse(text);
    CHECK(whole["agents"] == json::array());
    CHECK(whole["last_pass"].is_null());
    CHECK(whole["running"].is_null());
    CHECK(whole["answer_at"].is_null());
}

TEST_CASE("the status's JSON tells how the last pass ended and which one runs") {
    ops::StatusReport whole = report({});
    whole.answer_at = now;
    whole.last_pass = ops::LastPass{now - 60, 0, 69, 0.5, {"ops-meta is down"}};
    whole.running = ops::Running{4711, 1, now + 60};
    const json parsed = json::parse(ops::status_json(whole));
    CHECK(parsed["ops_dir"] == "/home/work/ops");
    CHECK(parsed["answer_at"] == "2026-01-31T09:15:00Z");
    CHECK(parsed["last_pass"]["finished_at"] == "2026-01-31T09:14:00Z");
    CHECK(parsed["last_pass"]["success_at"].is_null());
    CHECK(parsed["last_pass"]["exit_code"] == 69);
    CHECK(parsed["last_pass"]["errors"] == json::array({"ops-meta is down"}));
    CHECK(parsed["running"]["pid"] == 4711);
    CHECK(parsed["running"]["splay_until"] == "2026-01-31T09:16:00Z");
}
