// The reconcile table: observed x desired -> steps, where nothing is remembered.
#include "rules/plan.hpp"

#include <functional>

#include "plan_cases.hpp"

using namespace cases;
using ops::RunState;

namespace {

void check(const Table& rows, const std::function<void(Given&)>& change = {}) {
    for (const Row& row : rows) {
        CAPTURE(row.seen);
        CAPTURE(row.wanted);
        Given situation = given(row.seen, row.wanted);
        if (change) change(situation);
        CHECK(steps_of(situation) == row.steps);
    }
}

const std::vector<std::string> every_state{"none",      "1 started", "1 stopped",
                                           "1 unknown", "1 found",   "1 lost"};

}  // namespace

TEST_CASE("where C is V only the run state is mended") {
    check({
        {"1 started", "start 1", ""},
        {"1 stopped", "start 1", "start 1"},
        {"1 unknown", "start 1", "start 1"},
        {"1 started", "stop 1", "stop 1"},
        {"1 stopped", "stop 1", ""},
        {"1 unknown", "stop 1", "stop 1"},
    });
}

TEST_CASE("where C is not V and start is wanted, C runs on until V is staged") {
    check({
        {"1 started", "start 2", "download 2, unpack 2, stop 1, switch 2, start 2"},
        {"1 unknown", "start 2", "download 2, unpack 2, stop 1, switch 2, start 2"},
        {"1 stopped", "start 2", "download 2, unpack 2, switch 2, start 2"},
    });
}

TEST_CASE("where C is not V and stop is wanted, C is stopped before V is staged") {
    check({
        {"1 started", "stop 2", "stop 1, download 2, unpack 2, switch 2"},
        {"1 unknown", "stop 2", "stop 1, download 2, unpack 2, switch 2"},
        {"1 stopped", "stop 2", "download 2, unpack 2, switch 2"},
    });
}

TEST_CASE("where there is no C, V is installed without a stop") {
    check({
        {"none", "start 1", "download 1, unpack 1, switch 1, start 1"},
        {"none", "stop 1", "download 1, unpack 1, switch 1"},
        {"none; 1 complete", "start 1", "switch 1, start 1"},
        {"none; 1 complete", "stop 1", "switch 1"},
        {"none; 1 complete", "start 2", "download 2, unpack 2, switch 2, start 2"},
    });
}

TEST_CASE("a C that was found started is written to .version before anything else") {
    check({
        {"1 found", "start 1", "switch 1"},
        {"1 found", "stop 1", "switch 1, stop 1"},
        {"1 found", "start 2", "switch 1, download 2, unpack 2, stop 1, switch 2, start 2"},
        {"1 found", "stop 2", "switch 1, stop 1, download 2, unpack 2, switch 2"},
    });
    const ops::AgentPlan plan = plan_of(given("1 found", "start 1"));
    CHECK(contains(plan.warning, ".version"));
    CHECK(plan.problem.empty());
}

TEST_CASE("a C without control counts as no C, with a warning that names it") {
    check({
        {"1 lost", "start 1", "download 1, unpack 1, switch 1, start 1"},
        {"1 lost", "stop 1", "download 1, unpack 1, switch 1"},
        {"1 lost", "start 2", "download 2, unpack 2, switch 2, start 2"},
    });
    const ops::AgentPlan plan = plan_of(given("1 lost", "start 2"));
    CHECK(plan.current == std::nullopt);
    CHECK(contains(plan.warning, "1"));
    CHECK(plan.problem.empty());
}

TEST_CASE("without a cmd an agent is reported, not touched, and that is no error") {
    for (const std::string& seen : every_state) {
        for (const std::string entry : {"none 1", "none 2"}) {
            CAPTURE(seen);
            const ops::AgentPlan plan = plan_of(given(seen, entry));
            CHECK(plan.steps.empty());
            CHECK(plan.problem.empty());
            CHECK_FALSE(plan.entry.has_value());
            CHECK_FALSE(plan.reason.empty());
        }
    }
}

TEST_CASE("a held agent is not touched, whatever is wrong with it") {
    for (const std::string& seen : every_state) {
        for (const std::string entry : {"start 1", "stop 1", "start 2", "stop 2"}) {
            CAPTURE(seen);
            CAPTURE(entry);
            Given situation = given(seen, entry);
            situation.seen.held = "until the migration is over";
            situation.seen.fault = "several versions are started";
            const ops::AgentPlan plan = plan_of(situation);
            CHECK(plan.held);
            CHECK(plan.steps.empty());
            CHECK(plan.problem.empty());
            CHECK(plan.memory == situation.memory);
            CHECK(plan.reason == "held: until the migration is over");
        }
    }
}

TEST_CASE("a hold without a reason holds too") {
    Given situation = given("1 stopped", "start 1");
    situation.seen.held = "";
    CHECK(plan_of(situation).held);
    CHECK(steps_of(situation).empty());
}

TEST_CASE("an agent with a fault is not touched, and the pass cannot end with 0") {
    Given situation = given("none; 1 complete; 2 complete", "start 2");
    situation.seen.fault = "several versions are started (1, 2)";
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(plan.steps.empty());
    CHECK(plan.problem == situation.seen.fault);
    CHECK(contains(plan.reason, "several versions are started"));
}

// --- what a killed pass left ---------------------------------------------------------------------

TEST_CASE("V's leftovers are finished instead of being fetched again") {
    check({
        {"1 started; 2 complete", "start 2", "stop 1, switch 2, start 2"},
        {"1 started; 2 tarball", "start 2", "unpack 2, stop 1, switch 2, start 2"},
        {"1 started; 2 torn", "start 2", "unpack 2, stop 1, switch 2, start 2"},
        {"1 started; 2 part", "start 2", "resume 2, unpack 2, stop 1, switch 2, start 2"},
        {"1 started; 2 empty", "start 2", "download 2, unpack 2, stop 1, switch 2, start 2"},
        {"1 started; 2 tarball", "stop 2", "stop 1, unpack 2, switch 2"},
        {"1 started; 2 part", "stop 2", "stop 1, resume 2, unpack 2, switch 2"},
        {"none; 1 tarball", "start 1", "unpack 1, switch 1, start 1"},
        {"none; 1 part", "start 1", "resume 1, unpack 1, switch 1, start 1"},
        {"none; 1 empty", "start 1", "download 1, unpack 1, switch 1, start 1"},
    });
}

TEST_CASE("a switch that was killed between stop and .version goes on") {
    Given situation = given("1 stopped; 2 complete", "start 2");
    situation = switched(situation, "1", "2", ops::Switch::Phase::pending);
    CHECK(steps_of(situation) == "switch 2, start 2");
    CHECK(plan_of(situation).previous == "1");
}

TEST_CASE("if V cannot be staged, C is brought to cmd") {
    const Table rows{
        {"1 started", "start 2", ""},        {"1 stopped", "start 2", "start 1"},
        {"1 unknown", "start 2", "start 1"}, {"1 stopped", "stop 2", ""},
        {"1 started", "stop 2", ""},  // it is stopped by then
        {"1 found", "start 2", ""},          {"none", "start 2", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.seen);
        CAPTURE(row.wanted);
        CHECK(text_of(plan_of(given(row.seen, row.wanted)).if_unstaged) == row.steps);
    }
}

// --- ops-meta is down ----------------------------------------------------------------------------

TEST_CASE("while ops-meta is down, run states are enforced and nothing is switched") {
    const auto down = [](Given& situation) { situation.rules.may_switch = false; };
    check(
        {
            {"1 started", "start 1", ""},
            {"1 stopped", "start 1", "start 1"},
            {"1 started", "stop 1", "stop 1"},
            {"1 started", "start 2", ""},
            {"1 stopped", "start 2", "start 1"},
            {"1 unknown", "start 2", "start 1"},
            {"1 started", "stop 2", "stop 1"},
            {"1 started; 2 complete", "start 2", ""},
            {"1 stopped; 2 complete", "start 2", "start 1"},
            {"none", "start 1", ""},
            {"none; 1 complete", "start 1", ""},
            {"1 found", "start 1", "switch 1"},
        },
        down);
}

TEST_CASE("while ops-meta is down, leftovers are finished and nothing new is fetched") {
    const auto down = [](Given& situation) { situation.rules.may_switch = false; };
    check(
        {
            {"1 started; 2 tarball", "start 2", "unpack 2"},
            {"1 started; 2 part", "start 2", "resume 2, unpack 2"},
            {"1 started; 2 empty", "start 2", ""},
            {"none; 1 tarball", "start 1", "unpack 1"},
        },
        down);
}

TEST_CASE("while ops-meta is down, no agent waits for a leftover to be finished") {
    const auto down = [](Given& situation) { situation.rules.may_switch = false; };
    check(
        {
            {"1 stopped; 2 part", "start 2", "start 1, resume 2, unpack 2"},
            {"1 started; 2 tarball", "stop 2", "stop 1, unpack 2"},
        },
        down);
}

TEST_CASE("while ops-meta is down, a republished build waits") {
    Given situation = with_inline(given("1 started", "start 1"), build_b);
    situation = deployed(situation, "1", day, build_a);
    REQUIRE_FALSE(steps_of(situation).empty());
    situation.rules.may_switch = false;
    CHECK(steps_of(situation).empty());
}

TEST_CASE("while ops-meta is down, an unfinished switch is finished") {
    Given situation = given("2 stopped; 1 complete", "start 2");
    situation = switched(situation, "1", "2", ops::Switch::Phase::pending);
    situation.rules.may_switch = false;
    CHECK(steps_of(situation) == "start 2");
    CHECK(plan_of(situation).previous == "1");
}

// --- reasons -------------------------------------------------------------------------------------

TEST_CASE("every plan says why") {
    for (const std::string& seen : every_state) {
        for (const std::string entry : {"start 1", "stop 1", "start 2", "stop 2", "none 1"}) {
            CAPTURE(seen);
            CAPTURE(entry);
            const ops::AgentPlan plan = plan_of(given(seen, entry));
            CHECK_FALSE(plan.reason.empty());
            CHECK(plan.reason.find('\n') == std::string::npos);
        }
    }
}

TEST_CASE("the reason names what was found and why it is unknown") {
    Given situation = given("1 unknown", "start 1");
    situation.seen.trouble = "status: timed out after 10s";
    CHECK(plan_of(situation).reason ==
          "start is wanted, found unknown (status: timed out after 10s)");
    CHECK(plan_of(given("1 started", "stop 1")).reason == "stop is wanted, found started");
    CHECK(plan_of(given("1 started", "start 1")).reason == "as desired");
}

TEST_CASE("what a change goes back to is the version that was in use") {
    CHECK(plan_of(given("1 started", "start 2")).previous == "1");
    CHECK(plan_of(given("1 stopped", "start 2")).previous == "1");
    CHECK(plan_of(given("none", "start 2")).previous.empty());
    CHECK(plan_of(given("1 lost", "start 2")).previous.empty());
}

TEST_CASE("a version that was never seen started is nothing to go back to") {
    using Phase = ops::Switch::Phase;
    Given situation = given("2 stopped; 1 complete", "start 3");
    CHECK(plan_of(switched(situation, "1", "2", Phase::pending)).previous == "1");
    CHECK(plan_of(switched(situation, "1", "2", Phase::probation)).previous == "2");
    situation = given("1 stopped", "start 2");
    CHECK(plan_of(switched(situation, "", "1", Phase::pending)).previous.empty());
}

// --- the host as a whole -------------------------------------------------------------------------

namespace {

/// Agents "a" (1, started) and "b" (1, stopped); the answer wants both started at 1.
ops::Plan plan_host(const ops::Desired& desired, const ops::PlanRules& rules = {},
                    const std::map<std::string, ops::AgentMemory>& memory = {}) {
    ops::Observed b = observed("1 stopped");
    b.name = "b";
    return ops::plan({b, observed("1 started")}, desired, memory, {}, rules);
}

ops::Entry entry_for(const std::string& name) {
    ops::Entry entry = wanted("start 1");
    entry.name = name;
    return entry;
}

std::string names_of(const ops::Plan& plan) {
    std::string names;
    for (const ops::AgentPlan& agent : plan.agents)
        names += (names.empty() ? "" : " ") + agent.name;
    return names;
}

}  // namespace

TEST_CASE("every agent of the host and of the answer has a plan, sorted by name") {
    CHECK(names_of(plan_host({{entry_for("c"), entry_for("a")}, {}})) == "a b c");
}

TEST_CASE("an agent that the answer does not name is left alone") {
    const ops::Plan plan = plan_host({{entry_for("a")}, {}});
    REQUIRE(plan.agents.size() == 2);
    const ops::AgentPlan& unnamed = plan.agents[1];
    CHECK(unnamed.name == "b");
    CHECK(unnamed.desired == std::nullopt);
    CHECK(unnamed.current == "1");
    CHECK(unnamed.steps.empty());
    CHECK(unnamed.problem.empty());
    CHECK_FALSE(unnamed.entry.has_value());
}

TEST_CASE("an agent that the answer does not name may be held all the same") {
    ops::Observed seen = observed("1 started");
    seen.held = "until monday";
    const ops::Plan plan = ops::plan({seen}, {}, {}, {}, {});
    REQUIRE(plan.agents.size() == 1);
    CHECK(plan.agents.front().held);
    CHECK(plan.agents.front().reason == "held: until monday");
}

TEST_CASE("without any answer nothing is done and nothing is forgotten") {
    ops::PlanRules rules;
    rules.may_switch = rules.answered = false;
    ops::AgentMemory memory;
    memory.trouble = ops::Trouble{"1", "404", now};
    const ops::Plan plan = plan_host({}, rules, {{"c", memory}});
    CHECK(names_of(plan) == "a b");
    for (const ops::AgentPlan& agent : plan.agents) {
        CHECK(agent.steps.empty());
        CHECK(contains(agent.reason, "no answer"));
    }
    ops::Observed left;
    left.name = "c";
    CHECK(ops::plan({left}, {}, {{"c", memory}}, {}, rules).agents.front().memory == memory);
}

TEST_CASE("an agent whose entry is wrong is left alone, and the error is the plan's") {
    const ops::EntryError error{"b", "b: cmd is \"restart\", not start or stop"};
    const ops::Plan plan = plan_host({{entry_for("a")}, {error}});
    REQUIRE(plan.agents.size() == 2);
    CHECK(plan.agents[1].steps.empty());
    CHECK(contains(plan.agents[1].reason, "entry is wrong"));
    CHECK(plan.errors == std::vector<ops::EntryError>{error});
}

TEST_CASE("a folder that is no agent has no plan") {
    ops::Observed data;
    data.name = "data";
    const ops::Plan plan = ops::plan({data}, {}, {}, {}, {});
    CHECK(plan.agents.empty());
}

TEST_CASE("--agent leaves all other agents and their errors out") {
    ops::PlanRules rules;
    rules.only = {"b"};
    const ops::Desired desired{{entry_for("a"), entry_for("b")}, {{"c", "c: no tarball"}}};
    const ops::Plan plan = plan_host(desired, rules);
    CHECK(names_of(plan) == "b");
    CHECK(text_of(plan.agents.front().steps) == "start 1");
    CHECK(plan.errors.empty());
}

TEST_CASE("an agent that nobody wants any more is no longer troubled by its first install") {
    ops::AgentMemory memory;
    memory.trouble = ops::Trouble{"1", "404", now};
    ops::Observed left;
    left.name = "c";
    const ops::Plan plan = ops::plan({left}, {}, {{"c", memory}}, {}, {});
    REQUIRE(plan.agents.size() == 1);
    CHECK_FALSE(plan.agents.front().memory.trouble.has_value());
}
