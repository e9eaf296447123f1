#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "hostile.hpp"
#include "rules/views.hpp"

using nlohmann::json;
using ops::Action;
using ops::AgentPlan;
using ops::Cmd;
using ops::Prune;
using ops::RunState;
using ops::Step;

namespace {

const ops::PlanContext here{"web-01", "http://meta:2200/heartbeat"};
constexpr ops::ViewStyle plain{false, 100};
constexpr ops::ViewStyle coloured{true, 100};

AgentPlan upgrade() {
    AgentPlan plan;
    plan.name = "falcon-agent";
    plan.current = "1.0.0";
    plan.desired = "1.0.1";
    plan.cmd = Cmd::start;
    plan.status = RunState::started;
    plan.steps = {{Action::download, "1.0.1", Prune::none},
                  {Action::unpack, "1.0.1", Prune::none},
                  {Action::stop, "1.0.0", Prune::none},
                  {Action::switch_version, "1.0.1", Prune::none},
                  {Action::start, "1.0.1", Prune::none}};
    plan.reason = "1.0.0 -> 1.0.1";
    plan.entry.emplace();
    return plan;
}

AgentPlan steady() {
    AgentPlan plan;
    plan.name = "dinp-agent";
    plan.current = plan.desired = "2.0.0";
    plan.cmd = Cmd::stop;
    plan.status = RunState::stopped;
    plan.reason = "as desired";
    plan.entry.emplace();
    return plan;
}

AgentPlan held() {
    AgentPlan plan = upgrade();
    plan.name = "held-agent";
    plan.steps.clear();
    plan.held = true;
    plan.reason = "held: until monday";
    plan.entry.reset();
    return plan;
}

AgentPlan waited_out() {
    AgentPlan plan = upgrade();
    plan.name = "bad-agent";
    plan.steps.clear();
    plan.reason = "1.0.1 failed and is waited out";
    plan.problem = "1.0.1 failed (start: exit 3); next try at 2026-01-31T09:15:00Z";
    return plan;
}

std::string text_of(const AgentPlan& plan, const ops::ViewStyle& style = plain) {
    return ops::plan_text({{plan}, {}}, here, style);
}

std::string last_line(const std::string& text) {
    const std::size_t end = text.size() - 1;
    return text.substr(text.rfind('\n', end - 1) + 1, end - text.rfind('\n', end - 1) - 1);
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a plan is a line an agent, the steps in order, why, and a summary") {
    const ops::Plan plan{
        {waited_out(), steady(), upgrade(), held()},
        {{"x-agent", "x-agent: tarball is missing"}, {"", "entry 4: is no object"}}};
    CHECK(ops::plan_text(plan, here, plain) ==
          "Plan for web-01 as http://meta:2200/heartbeat wants it\n"
          "\n"
          "AGENT         VERSION           CMD    STATE    WHY\n"
          "bad-agent     1.0.0, not 1.0.1  start  started  1.0.1 failed and is waited out\n"
          "              problem: 1.0.1 failed (start: exit 3); next try at 2026-01-31T09:15:00Z\n"
          "dinp-agent    2.0.0             stop   stopped  as desired\n"
          "falcon-agent  1.0.0 -> 1.0.1    start  started  another version is wanted\n"
          "              => download, unpack, stop 1.0.0, switch, start 1.0.1\n"
          "held-agent    1.0.0, not 1.0.1  start  started  held: until monday\n"
          "\n"
          "Wrong entries of the answer\n"
          "  x-agent: tarball is missing\n"
          "  entry 4: is no object\n"
          "\n"
          "4 agents: 1 to change, 1 as desired, 1 not as desired, 1 held; 1 problem; "
          "2 entries are wrong\n");
}

TEST_CASE("the summary counts only what there is") {
    CHECK(last_line(ops::plan_text({}, here, plain)) == "0 agents");
    CHECK(last_line(text_of(steady())) == "1 agent: 1 as desired");
    AgentPlan unnamed;
    unnamed.name = "hand-made";
    CHECK(last_line(ops::plan_text({{unnamed}, {{"x", "x: bad"}}}, here, plain)) ==
          "1 agent: 1 left alone; 1 entry is wrong");
}

TEST_CASE("without colour there are no escapes, with it what matters stands out") {
    const ops::Plan plan{{waited_out(), steady(), upgrade()}, {}};
    CHECK(ops::plan_text(plan, here, plain).find('\x1b') == std::string::npos);
    const std::string text = ops::plan_text(plan, here, coloured);
    CHECK(contains(text, "\x1b[32m=> download"));
    CHECK(contains(text, "\x1b[31mproblem: "));
    CHECK(contains(text, "\x1b[2mdinp-agent\x1b[0m"));
    CHECK(contains(text, "\x1b[1mfalcon-agent\x1b[0m"));
}

TEST_CASE("a first install, a rollback and a lost version say from where to where") {
    AgentPlan plan = upgrade();
    plan.current.reset();
    CHECK(contains(text_of(plan), "none -> 1.0.1  start  -  "));
    plan = upgrade();
    plan.steps = {{Action::stop, "1.0.0", Prune::none}, {Action::rollback, "0.9", Prune::none}};
    CHECK(contains(text_of(plan), "1.0.0 -> 0.9 "));
    CHECK(contains(text_of(plan), "=> stop 1.0.0, rollback to 0.9\n"));
    plan.steps = {{Action::switch_version, "1.0.0", Prune::none}};
    CHECK(contains(text_of(plan), "1.0.0, not 1.0.1"));
    CHECK(contains(text_of(plan), "=> write 1.0.0 to .version\n"));
}

TEST_CASE("what goes is said by what it is") {
    AgentPlan plan = steady();
    plan.steps = {{Action::prune, "2.0.0", Prune::relic},
                  {Action::prune, "2.1.0", Prune::leftover},
                  {Action::prune, "2.0.0", Prune::aside},
                  {Action::prune, "1.0.0", Prune::old_version}};
    CHECK(contains(text_of(plan),
                   "=> prune the old tarball of 2.0.0, prune the unfinished 2.1.0, "
                   "prune the other build of\n"));
    CHECK(contains(text_of(plan), "2.0.0, prune 1.0.0\n"));
}

TEST_CASE("a republished build is exchanged, not switched to") {
    AgentPlan plan = upgrade();
    plan.desired = "1.0.0";
    plan.republish = true;
    plan.steps = {{Action::switch_version, "1.0.0", Prune::none}};
    CHECK(contains(text_of(plan), "=> exchange the builds\n"));
}

TEST_CASE("warnings and what happens if a stage fails are told") {
    AgentPlan plan = upgrade();
    plan.warning = ".version names 9, which has no control: it counts as no version";
    plan.if_unstaged = {{Action::start, "1.0.0", Prune::none}};
    CHECK(contains(text_of(plan), "if that cannot be staged: start 1.0.0\n"));
    CHECK(contains(text_of(plan), "warning: .version names 9"));
    CHECK(contains(text_of(plan, coloured), "\x1b[33mwarning: "));
}

TEST_CASE("a problem that the reason says already is not said twice") {
    AgentPlan plan = waited_out();
    plan.reason = "not touched: " + plan.problem;
    CHECK_FALSE(contains(text_of(plan), "problem: "));
    CHECK(contains(text_of(plan, coloured), "\x1b[31mnot touched: "));
}

TEST_CASE("a plan from a file says so") {
    CHECK(ops::plan_text({}, {"web-01", ""}, plain) ==
          "Plan for web-01 as the given file wants it\n\n0 agents\n");
}

TEST_CASE("lines fit the terminal, the summary apart") {
    AgentPlan plan = waited_out();
    plan.reason = plan.problem;
    plan.warning = "a warning of many words that has no chance at all to fit into a line of sixty";
    plan.steps = upgrade().steps;
    const std::string text = text_of(plan, {false, 72});
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
        CHECK(end - begin <= 72);
}

TEST_CASE("nothing that others wrote steers the terminal") {
    const std::string& bad = hostile::text;
    AgentPlan plan = upgrade();
    plan.name = plan.reason = plan.problem = plan.warning = bad;
    plan.current = plan.desired = bad;
    for (Step& step : plan.steps)
        step.version = bad;
    const ops::Plan whole{{plan}, {{bad, bad}}};
    CHECK(hostile::is_harmless(ops::plan_text(whole, {bad, bad}, plain)));
    CHECK(hostile::is_harmless(ops::plan_text(whole, {bad, bad}, coloured), true));
    const std::string text = ops::plan_json(whole, {bad, bad});
    CHECK(hostile::is_harmless(text));
    CHECK(json::accept(text));
}

// --- JSON ----------------------------------------------------------------------------------------

TEST_CASE("the plan's JSON has the contract's fields") {
    const ops::Plan plan{{upgrade(), waited_out()}, {{"x-agent", "x-agent: tarball is missing"}}};
    const std::string text = ops::plan_json(plan, here);
    CHECK(text.back() == '\n');
    const json parsed = json::parse(text);
    CHECK(parsed["host"] == "web-01");
    CHECK(parsed["server"] == "http://meta:2200/heartbeat");
    CHECK(
        parsed["errors"] ==
        json::array({"x-agent: tarball is missing",
                     "bad-agent: 1.0.1 failed (start: exit 3); next try at 2026-01-31T09:15:00Z"}));
    REQUIRE(parsed["agents"].size() == 2);
    const json& agent = parsed["agents"][0];
    CHECK(agent["name"] == "falcon-agent");
    CHECK(agent["current"] == "1.0.0");
    CHECK(agent["desired"] == "1.0.1");
    CHECK(agent["cmd"] == "start");
    CHECK(agent["status"] == "started");
    CHECK(agent["actions"] == json::array({"download", "unpack", "stop", "switch", "start"}));
    CHECK(agent["reason"] == "1.0.0 -> 1.0.1");
    CHECK(agent["held"] == false);
    CHECK(agent["problem"] == nullptr);
    CHECK(agent["warning"] == nullptr);
}

TEST_CASE("the plan's JSON has null where there is nothing, and no field is missing") {
    AgentPlan unnamed;
    unnamed.name = "a";
    const json parsed = json::parse(ops::plan_json({{unnamed}, {}}, {"web-01", ""}));
    CHECK(parsed["server"].is_null());
    CHECK(parsed["errors"] == json::array());
    const json& agent = parsed["agents"][0];
    for (const char* field : {"current", "desired", "cmd", "reason"}) {
        CHECK(agent.contains(field));
        CHECK(agent[field].is_null());
    }
    CHECK(agent["status"] == "unknown");
    CHECK(agent["actions"] == json::array());
}

TEST_CASE("the same action several times in a row is one in JSON") {
    AgentPlan plan = steady();
    plan.steps = {{Action::prune, "1", Prune::old_version},
                  {Action::switch_version, "1", Prune::none},
                  {Action::prune, "2", Prune::old_version},
                  {Action::prune, "3", Prune::leftover}};
    CHECK(json::parse(ops::plan_json({{plan}, {}}, here))["agents"][0]["actions"] ==
          json::array({"prune", "switch", "prune"}));
}

TEST_CASE("every action has the contract's word") {
    std::string words;
    for (const Action action :
         {Action::download, Action::resume, Action::unpack, Action::stop, Action::switch_version,
          Action::start, Action::rollback, Action::prune})
        words += ops::to_string(action) + " ";
    CHECK(words == "download resume unpack stop switch start rollback prune ");
}
