// Switches that still have to prove themselves: pending, probation, and what counts as a death.
#include "plan_cases.hpp"

using namespace cases;
using Phase = ops::Switch::Phase;

namespace {

/// 2 was switched to from 1 ten minutes ago, was seen started, and was found stopped that often.
Given on_probation(int restarts, const std::string& seen = "2 stopped; 1 complete") {
    Given situation = switched(given(seen, "start 2"), "1", "2", Phase::probation);
    situation.memory.last_switch->restarts = restarts;
    return situation;
}

int restarts_after(const Given& situation) {
    const ops::AgentPlan plan = plan_of(situation);
    REQUIRE(plan.memory.last_switch.has_value());
    return plan.memory.last_switch->restarts;
}

const std::string rollback = "rollback 1, start 1";

}  // namespace

// --- pending -------------------------------------------------------------------------------------

TEST_CASE("a pending switch that finds V stopped starts it without counting") {
    for (const std::string seen : {"2 stopped; 1 complete", "2 unknown; 1 complete"}) {
        CAPTURE(seen);
        const Given situation = switched(given(seen, "start 2"), "1", "2", Phase::pending);
        const ops::AgentPlan plan = plan_of(situation);
        CHECK(text_of(plan.steps) == "start 2");
        CHECK(plan.previous == "1");
        CHECK(plan.memory.last_switch->phase == Phase::pending);
        CHECK(plan.memory.last_switch->restarts == 0);
        CHECK(contains(plan.reason, "not finished"));
    }
}

TEST_CASE("a pending switch is over once V was seen started, and probation begins") {
    const Given situation =
        switched(given("2 started; 1 complete", "start 2"), "1", "2", Phase::pending);
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(plan.steps.empty());
    CHECK(plan.memory.last_switch->phase == Phase::probation);
}

TEST_CASE("a switch to a stopped version stays pending until it is started") {
    Given situation = switched(given("2 stopped; 1 complete", "stop 2"), "1", "2", Phase::pending);
    const ops::AgentPlan stopped = plan_of(situation);
    CHECK(stopped.steps.empty());
    CHECK(stopped.memory.last_switch->phase == Phase::pending);
    situation.entry = wanted("start 2");
    CHECK(plan_of(situation).previous == "1");
}

TEST_CASE("a pending switch whose previous version is gone has nothing to go back to") {
    for (const std::string seen : {"2 stopped", "2 stopped; 1 empty"}) {
        CAPTURE(seen);
        const Given situation = switched(given(seen, "start 2"), "1", "2", Phase::pending);
        CHECK(steps_of(situation) == "start 2");
        CHECK(plan_of(situation).previous.empty());
    }
}

TEST_CASE("a switch that never took place, or that somebody undid by hand, is forgotten") {
    const Given situation =
        switched(given("1 started; 2 complete", "start 1"), "1", "2", Phase::pending);
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(plan.steps.empty());
    CHECK_FALSE(plan.memory.last_switch.has_value());
}

// --- probation -----------------------------------------------------------------------------------

TEST_CASE("V found stopped on probation is started again and counted") {
    const ops::AgentPlan plan = plan_of(on_probation(0));
    CHECK(text_of(plan.steps) == "start 2");
    CHECK(plan.memory.last_switch->restarts == 1);
    CHECK(plan.problem.empty());
    CHECK(contains(plan.reason, "1 of 3"));
    CHECK(restarts_after(on_probation(1)) == 2);
}

TEST_CASE("V found stopped for the last time on probation is rolled back instead of started") {
    const ops::AgentPlan plan = plan_of(on_probation(2));
    CHECK(text_of(plan.steps) == rollback);
    CHECK(plan.previous == "1");
    CHECK(contains(plan.problem, "died on probation"));
    CHECK(plan.memory.last_switch->phase == Phase::undoing);
    REQUIRE(plan.memory.failure.has_value());
    CHECK(plan.memory.failure->version == "2");
    CHECK(plan.memory.failure->tries == 1);
    CHECK(plan.memory.failure->failed_at == now);
    CHECK(plan.memory.failure->retry_at == now + 600);
    CHECK(contains(plan.memory.failure->cause, "3 times within 10m"));
}

TEST_CASE("with max_restarts 1 the first death on probation rolls back") {
    Given situation = on_probation(0);
    situation.rules.rollback.max_restarts = 1;
    CHECK(steps_of(situation) == rollback);
}

TEST_CASE("the failure of a version that died on probation knows which build it was") {
    Given situation = on_probation(2);
    situation.memory.last_switch->digests = build_a;
    CHECK(plan_of(situation).memory.failure->digests == build_a);
}

TEST_CASE("ops-meta being down keeps no version from being rolled back") {
    Given situation = on_probation(2);
    situation.rules.may_switch = false;
    CHECK(steps_of(situation) == rollback);
}

TEST_CASE("nothing but V's own death on probation counts") {
    Given situation = on_probation(2);
    SUBCASE("its status is unknown: a script that timed out under load") {
        situation = on_probation(2, "2 unknown; 1 complete");
    }
    SUBCASE("the host was rebooted") {
        situation.rules.boot_id = "another boot";
    }
    SUBCASE("the operator had it stopped until now") {
        situation.memory.wanted = ops::Cmd::stop;
    }
    SUBCASE("nothing was wanted of it until now") {
        situation.memory.wanted = ops::Cmd::none;
    }
    SUBCASE("its probation is over") {
        situation.memory.last_switch->at = now - hour;
    }
    SUBCASE("there is nothing to go back to") {
        situation = on_probation(2, "2 stopped");
    }
    SUBCASE("it was the first install") {
        situation.memory.last_switch->from = "";
    }
    CHECK(steps_of(situation) == "start 2");
    CHECK(restarts_after(situation) == 2);
    CHECK_FALSE(plan_of(situation).memory.failure.has_value());
}

TEST_CASE("a stop that is wanted now is no death") {
    Given situation = on_probation(2);
    situation.entry = wanted("stop 2");
    CHECK(steps_of(situation).empty());
    CHECK(restarts_after(situation) == 2);
}

TEST_CASE("after a reboot, deaths in the new boot count again") {
    Given situation = on_probation(2);
    situation.rules.boot_id = "another boot";
    situation.memory = plan_of(situation).memory;
    const int uncounted = situation.memory.last_switch->restarts;
    CHECK(restarts_after(situation) == uncounted + 1);
}

TEST_CASE("probation lasts as long as it is configured, from the switch on") {
    Given situation = on_probation(2);
    situation.rules.rollback.probation = std::chrono::seconds(300);
    CHECK(steps_of(situation) == "start 2");
    situation.memory.last_switch->at = now - 299;
    CHECK(steps_of(situation) == rollback);
    situation.memory.last_switch->at = now - 300;
    CHECK(steps_of(situation) == "start 2");
}

TEST_CASE("a switch that lies in the future took place just now: the clock jumped") {
    Given situation = on_probation(0, "2 started; 1 complete");
    situation.memory.last_switch->at = now + 400 * day;
    CHECK(plan_of(situation).memory.last_switch->at == now);
    CHECK(steps_of(situation).empty());
    situation.memory.last_switch->at = now + 5;  // two clocks, not a jump
    CHECK(plan_of(situation).memory.last_switch->at == now + 5);
}

TEST_CASE("the pass remembers what was wanted, for the next one's count") {
    CHECK(plan_of(given("1 started", "start 1")).memory.wanted == ops::Cmd::start);
    CHECK(plan_of(given("1 started", "stop 1")).memory.wanted == ops::Cmd::stop);
}
