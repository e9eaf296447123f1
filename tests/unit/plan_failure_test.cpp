// Bad versions in the planner: waiting, trying again, and unfinished rollbacks.
#include "plan_cases.hpp"
#include "rules/text.hpp"

using namespace cases;
using Phase = ops::Switch::Phase;

namespace {

const std::string whole_change = "download 2, unpack 2, stop 1, switch 2, start 2";

/// 2 was tried and did not come up; 1 runs again, 2's tree is there for the post-mortem.
Given rolled_back(std::int64_t retry_in, const std::string& entry = "start 2",
                  const std::string& seen = "1 started; 2 complete") {
    return failed(deployed(given(seen, entry), "2"), "2", retry_in);
}

}  // namespace

// --- waiting -------------------------------------------------------------------------------------

TEST_CASE("a bad version is not tried again before its time") {
    const ops::AgentPlan plan = plan_of(rolled_back(5 * minute));
    CHECK(plan.steps.empty());
    CHECK(contains(plan.reason, "2 failed"));
    CHECK(contains(plan.problem, "start: exit 3"));
    CHECK(contains(plan.problem, ops::iso_time(now + 5 * minute)));
    CHECK(plan.memory.failure == rolled_back(5 * minute).memory.failure);
}

TEST_CASE("while a bad version is waited out, C is kept in the wanted run state") {
    CHECK(steps_of(rolled_back(minute, "start 2", "1 stopped; 2 complete")) == "start 1");
    CHECK(steps_of(rolled_back(minute, "start 2", "1 unknown; 2 complete")) == "start 1");
    CHECK(steps_of(rolled_back(minute, "stop 2", "1 started; 2 complete")) == "stop 1");
    CHECK(steps_of(rolled_back(minute, "stop 2", "1 stopped; 2 complete")).empty());
}

TEST_CASE("a bad version that is wanted stopped waits for a start, however long") {
    const ops::AgentPlan plan = plan_of(rolled_back(-hour, "stop 2"));
    CHECK(text_of(plan.steps) == "stop 1");
    CHECK_FALSE(plan.problem.empty());
    CHECK(plan.memory.failure.has_value());
}

TEST_CASE("when the wait is over, the bad version is staged anew and tried again") {
    const ops::AgentPlan plan = plan_of(rolled_back(0));
    CHECK(text_of(plan.steps) == whole_change);
    CHECK(plan.stage_anew);
    CHECK(plan.previous == "1");
    // The next failure doubles the wait.
    CHECK(plan.memory.failure.has_value());
}

TEST_CASE("what a killed second try left is finished, not thrown away") {
    for (const Row& row :
         Table{{"1 started; 2 tarball", "start 2", "unpack 2, stop 1, switch 2, start 2"},
               {"1 started; 2 part", "start 2", "resume 2, unpack 2, stop 1, switch 2, start 2"}}) {
        CAPTURE(row.seen);
        const ops::AgentPlan plan = plan_of(rolled_back(-minute, row.wanted, row.seen));
        CHECK(text_of(plan.steps) == row.steps);
        CHECK_FALSE(plan.stage_anew);
    }
}

TEST_CASE("while ops-meta is down, a bad version whose wait is over is not tried") {
    Given situation = rolled_back(-minute);
    situation.rules.may_switch = false;
    CHECK(steps_of(situation).empty());
}

// --- what ends the wait --------------------------------------------------------------------------

TEST_CASE("another version ends the wait") {
    Given situation = rolled_back(hour, "start 3");
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(text_of(plan.steps) == "download 3, unpack 3, stop 1, switch 3, start 3");
    CHECK_FALSE(plan.memory.failure.has_value());
    CHECK(plan.problem.empty());
}

TEST_CASE("going back to C for good ends the wait") {
    const ops::AgentPlan plan = plan_of(rolled_back(hour, "start 1"));
    CHECK(plan.steps.empty());
    CHECK(plan.reason == "as desired");
    CHECK(plan.problem.empty());
    CHECK_FALSE(plan.memory.failure.has_value());
}

TEST_CASE("another digest of the same version ends the wait, and it is staged anew") {
    Given situation = failed(given("1 started; 2 complete", "start 2"), "2", hour, 1, build_a);
    SUBCASE("given in the answer") {
        situation = with_inline(situation, build_b);
    }
    SUBCASE("published in its digest file") {
        situation.published = build_b;
    }
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(text_of(plan.steps) == whole_change);
    CHECK(plan.stage_anew);
    CHECK_FALSE(plan.memory.failure.has_value());
}

TEST_CASE("the same digest does not end the wait, nor does one of another kind") {
    Given situation = failed(given("1 started; 2 complete", "start 2"), "2", hour, 1, build_a);
    situation.published = build_a;
    CHECK(steps_of(situation).empty());
    situation.published = {"", std::string(64, 'c')};
    CHECK(steps_of(situation).empty());
    situation.published = no_build;  // it could not be asked for
    CHECK(steps_of(situation).empty());
}

TEST_CASE("--retry ends the wait") {
    Given situation = rolled_back(hour);
    situation.rules.retry = true;
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(text_of(plan.steps) == whole_change);
    CHECK(plan.stage_anew);
    CHECK_FALSE(plan.memory.failure.has_value());
}

TEST_CASE("--retry changes nothing where nothing failed") {
    Given situation = given("1 started", "start 1");
    situation.rules.retry = true;
    CHECK(steps_of(situation).empty());
}

TEST_CASE("--retry leaves a version alone that runs as desired") {
    Given situation = failed(given("1 started", "start 1"), "1", hour);
    situation.rules.retry = true;
    CHECK(steps_of(situation).empty());
}

TEST_CASE("a next try that lies further ahead than the longest wait counts as now") {
    CHECK(steps_of(rolled_back(day)).empty());
    CHECK(steps_of(rolled_back(day + minute)) == whole_change);
    CHECK(steps_of(rolled_back(400 * day)) == whole_change);
}

TEST_CASE("a failure that lies in the future was recorded by a clock that jumped: no wait") {
    Given situation = rolled_back(5 * hour);
    situation.memory.failure->failed_at = now + 4 * hour;
    CHECK(steps_of(situation) == whole_change);
}

TEST_CASE("the digest file is asked for only of versions that failed") {
    const ops::Entry by_file = wanted("start 2");
    ops::Entry given_inline = by_file;
    given_inline.digest = {ops::DigestKind::md5, build_a.md5, ""};
    ops::Entry untouched = by_file;
    untouched.cmd = ops::Cmd::none;
    const auto memory = rolled_back(hour).memory;
    const auto asked = [&](const ops::Entry& entry, const ops::AgentMemory& remembered) {
        return ops::digests_to_ask({{entry}, {}}, {{"a", remembered}}).size();
    };
    CHECK(asked(by_file, memory) == 1);
    CHECK(asked(by_file, {}) == 0);
    CHECK(asked(wanted("start 3"), memory) == 0);
    CHECK(asked(given_inline, memory) == 0);
    CHECK(asked(untouched, memory) == 0);
    CHECK(ops::digests_to_ask({{by_file}, {}}, {}).empty());
}

// --- the first install ---------------------------------------------------------------------------

TEST_CASE("a first install that fails has its starts follow the back-off") {
    const Given installed = switched(given("1 stopped", "start 1"), "", "1", Phase::pending);
    const ops::AgentPlan waiting = plan_of(failed(installed, "1", minute));
    CHECK(waiting.steps.empty());
    CHECK_FALSE(waiting.problem.empty());
    const ops::AgentPlan again = plan_of(failed(installed, "1", 0));
    CHECK(text_of(again.steps) == "start 1");
    CHECK(again.previous.empty());
    CHECK(again.memory.failure.has_value());
}

TEST_CASE("a failed first install that is wanted stopped is stopped") {
    const Given installed = switched(given("1 unknown", "stop 1"), "", "1", Phase::pending);
    CHECK(steps_of(failed(installed, "1", minute)) == "stop 1");
}

TEST_CASE("a first install that came up after all is forgiven") {
    const Given installed = switched(given("1 started", "start 1"), "", "1", Phase::pending);
    const ops::AgentPlan plan = plan_of(failed(installed, "1", minute));
    CHECK(plan.steps.empty());
    CHECK(plan.problem.empty());
    CHECK_FALSE(plan.memory.failure.has_value());
}

TEST_CASE("a failed first install is staged anew for another digest and for --retry") {
    Given situation = switched(given("1 stopped", "start 1"), "", "1", Phase::pending);
    situation = failed(deployed(situation, "1", day, build_a), "1", hour, 1, build_a);
    SUBCASE("another digest") {
        situation.published = build_b;
    }
    SUBCASE("--retry") {
        situation.rules.retry = true;
    }
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(text_of(plan.steps) == "download 1, unpack 1, switch 1, start 1");
    CHECK(plan.previous.empty());
    CHECK_FALSE(contains(plan.reason, "build  of"));
}

TEST_CASE("another version replaces a failed first install, with nothing to go back to") {
    Given situation = switched(given("1 stopped", "start 2"), "", "1", Phase::pending);
    const ops::AgentPlan plan = plan_of(failed(situation, "1", hour));
    CHECK(text_of(plan.steps) == "download 2, unpack 2, switch 2, start 2");
    CHECK(plan.previous.empty());
}

// --- rollbacks that were not finished ------------------------------------------------------------

TEST_CASE("a rollback that was begun goes on") {
    for (const Row& row : Table{{"2 started; 1 complete", "start 2", "stop 2, rollback 1, start 1"},
                                {"2 unknown; 1 complete", "start 2", "stop 2, rollback 1, start 1"},
                                {"2 stopped; 1 complete", "start 2", "rollback 1, start 1"},
                                {"2 started; 1 complete", "stop 2", "stop 2, rollback 1"},
                                {"2 stopped; 1 complete", "stop 2", "rollback 1"}}) {
        CAPTURE(row.seen);
        CAPTURE(row.wanted);
        Given situation = switched(given(row.seen, row.wanted), "1", "2", Phase::undoing);
        situation = failed(situation, "2", 10 * minute);
        const ops::AgentPlan plan = plan_of(situation);
        CHECK(text_of(plan.steps) == row.steps);
        CHECK(plan.previous == "1");
        CHECK_FALSE(plan.problem.empty());
        CHECK(plan.memory.failure.has_value());
    }
}

TEST_CASE("a rollback goes on while ops-meta is down, and whatever else is wanted by now") {
    Given situation = given("2 stopped; 1 complete", "start 2");
    SUBCASE("down") {
        situation.rules.may_switch = false;
    }
    SUBCASE("another version") {
        situation = given("2 stopped; 1 complete", "start 3");
    }
    SUBCASE("the wait is over") {}
    SUBCASE("--retry") {
        situation.rules.retry = true;
    }
    situation = failed(switched(situation, "1", "2", Phase::undoing), "2", -minute);
    CHECK(steps_of(situation) == "rollback 1, start 1");
}

TEST_CASE("a rollback that was finished but not yet forgotten is waited out like any") {
    Given situation = switched(given("1 stopped; 2 complete", "start 2"), "1", "2", Phase::undoing);
    const ops::AgentPlan plan = plan_of(failed(situation, "2", minute));
    CHECK(text_of(plan.steps) == "start 1");
    CHECK_FALSE(plan.memory.last_switch.has_value());
}

TEST_CASE("an agent that was taken over with its tarballs can be rolled back after a kill") {
    // The Go ancestor's tarball in C's dir must not make C look unfinished once V is in use.
    const ops::AgentPlan plan = plan_of(given("1 started; relic", "start 2"));
    CHECK(text_of(plan.steps) == "prune relic 1, download 2, unpack 2, stop 1, switch 2, start 2");
}

// --- the time of the next try --------------------------------------------------------------------

TEST_CASE("the wait doubles with each failure, up to a day") {
    using std::chrono::seconds;
    const auto wait = [](int tries, int retry_after) {
        return ops::retry_time(now, tries, seconds(retry_after)) - now;
    };
    CHECK(wait(1, 600) == 600);
    CHECK(wait(2, 600) == 1200);
    CHECK(wait(3, 600) == 2400);
    CHECK(wait(8, 600) == 76800);
    CHECK(wait(9, 600) == day);
    CHECK(wait(1'000'000'000, 600) == day);
    CHECK(wait(1, 7 * 86400) == day);
}

TEST_CASE("a failure counts the tries of the same build alone") {
    ops::AgentMemory memory;
    const auto fail = [&](const std::string& version, const ops::Digests& build) {
        memory.failure = ops::failure_of(memory, version, build, "start: exit 3", "", now,
                                         std::chrono::seconds(600));
        return memory.failure->tries;
    };
    CHECK(fail("2", build_a) == 1);
    CHECK(fail("2", build_a) == 2);
    CHECK(fail("2", no_build) == 3);
    CHECK(memory.failure->retry_at == now + 2400);
    CHECK(fail("3", no_build) == 1);
    CHECK(fail("3", build_a) == 2);
    CHECK(fail("3", build_b) == 1);
    CHECK(memory.failure->retry_at == now + 600);
}
