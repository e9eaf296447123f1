// Republished builds: the same version with another digest.
#include "plan_cases.hpp"

using namespace cases;
using Phase = ops::Switch::Phase;

namespace {

const std::string whole_exchange = "download 1, unpack 1, stop 1, switch 1, start 1";

/// 1 is in use, of build A; the answer says that its tarball is of that other build.
Given in_use(const ops::Digests& published, const std::string& seen = "1 started",
             const std::string& entry = "start 1") {
    return deployed(with_inline(given(seen, entry), published), "1", day, build_a);
}

/// Build B was exchanged in ten minutes ago (inode 100 is its tree); A's tree lies aside.
Given exchanged(Phase phase, const std::string& seen, std::int64_t ago = 10 * minute) {
    Given situation = switched(in_use(build_b, seen + "; aside complete"), "1", "1", phase, ago);
    situation.memory.last_switch->new_tree = inode_of("1");
    situation.memory.last_switch->digests = build_b;
    return situation;
}

}  // namespace

TEST_CASE("a republished build is staged aside and exchanged in between stop and start") {
    for (const Row& row : Table{{"1 started", "start 1", whole_exchange},
                                {"1 unknown", "start 1", whole_exchange},
                                {"1 stopped", "start 1", "download 1, unpack 1, switch 1, start 1"},
                                {"1 started", "stop 1", "stop 1, download 1, unpack 1, switch 1"},
                                {"1 stopped", "stop 1", "download 1, unpack 1, switch 1"}}) {
        CAPTURE(row.seen);
        CAPTURE(row.wanted);
        const ops::AgentPlan plan = plan_of(in_use(build_b, row.seen, row.wanted));
        CHECK(text_of(plan.steps) == row.steps);
        CHECK(plan.republish);
        CHECK(plan.previous == "1");
        CHECK(contains(plan.reason, "bbbbbbbb"));
    }
}

TEST_CASE("only a different digest of the same kind is another build") {
    CHECK(steps_of(in_use(build_a)).empty());
    CHECK(steps_of(in_use(no_build)).empty());
    CHECK(steps_of(in_use({"", std::string(64, 'c')})).empty());
    // Nothing was recorded: a host that was taken over is not restarted.
    CHECK(steps_of(with_inline(given("1 started", "start 1"), build_b)).empty());
}

TEST_CASE("of two kinds one that differs is enough") {
    Given situation = in_use({build_a.md5, std::string(64, 'c')});
    situation.memory.deployed.front().digests.sha256 = std::string(64, 'd');
    CHECK(steps_of(situation) == whole_exchange);
}

TEST_CASE("a build that was republished before it was switched to is staged anew in place") {
    Given situation = with_inline(given("1 started; 2 complete", "start 2"), build_b);
    situation = deployed(situation, "2", day, build_a);
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(text_of(plan.steps) == "download 2, unpack 2, stop 1, switch 2, start 2");
    CHECK(plan.stage_anew);
    CHECK_FALSE(plan.republish);
}

TEST_CASE("a pass that writes .version again leaves a republished build to the next one") {
    CHECK(steps_of(in_use(build_b, "1 found")) == "switch 1");
}

TEST_CASE("if a republished build cannot be staged, C is brought to cmd") {
    CHECK(plan_of(in_use(build_b)).if_unstaged.empty());
    CHECK(text_of(plan_of(in_use(build_b, "1 stopped")).if_unstaged) == "start 1");
}

TEST_CASE(
    "a version that never ran is exchanged for its next build, with the version before to go "
    "back to") {
    Given situation = with_inline(given("2 stopped; 1 complete", "start 2"), build_b);
    situation = switched(deployed(situation, "2", day, build_a), "1", "2", Phase::pending);
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(text_of(plan.steps) == "download 2, unpack 2, switch 2, start 2");
    CHECK(plan.republish);
    CHECK(plan.previous == "1");
}

TEST_CASE("… and its rollback writes that version to .version instead of exchanging trees") {
    Given situation =
        with_inline(given("2 started; 1 complete; aside complete", "start 2"), build_b);
    situation = switched(situation, "1", "2", Phase::undoing);
    situation.memory.last_switch->new_tree = inode_of("2");
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(text_of(plan.steps) == "stop 2, rollback 1, start 1, prune aside 2");
    CHECK(plan.previous == "1");
    CHECK_FALSE(plan.republish);
}

// --- what lies aside -----------------------------------------------------------------------------

TEST_CASE("what a killed pass left aside of this very build is finished") {
    for (const Row& row : Table{
             {"1 started; aside complete", "start 1", "stop 1, switch 1, start 1"},
             {"1 started; aside tarball", "start 1", "unpack 1, stop 1, switch 1, start 1"},
             {"1 started; aside part", "start 1", "resume 1, unpack 1, stop 1, switch 1, start 1"},
             {"1 started; aside empty", "start 1", whole_exchange}}) {
        CAPTURE(row.seen);
        Given situation = in_use(build_b, row.seen, row.wanted);
        situation.memory.aside = build_b;
        const ops::AgentPlan plan = plan_of(situation);
        CHECK(text_of(plan.steps) == row.steps);
        CHECK_FALSE(plan.stage_anew);
    }
}

TEST_CASE("what lies aside of another build is staged anew") {
    const ops::Digests build_c{"cccccccccccccccccccccccccccccccc", ""};
    for (const std::string aside : {"complete", "tarball", "part", "empty"}) {
        for (const ops::Digests& of : {build_c, no_build}) {
            CAPTURE(aside);
            Given situation = in_use(build_b, "1 started; aside " + aside);
            situation.memory.aside = of;
            const ops::AgentPlan plan = plan_of(situation);
            CHECK(text_of(plan.steps) == whole_exchange);
            CHECK(plan.stage_anew);
        }
    }
}

TEST_CASE("a build that was republished and taken back is removed from aside") {
    Given situation = in_use(build_a, "1 started; aside complete");
    situation.memory.aside = build_b;
    CHECK(steps_of(situation) == "prune aside 1");
}

TEST_CASE("an exchange that was killed before it took place goes on") {
    Given situation = exchanged(Phase::pending, "1 stopped");
    situation.memory.last_switch->new_tree = 777;  // the tree that still lies aside
    situation.memory.aside = build_b;
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(text_of(plan.steps) == "switch 1, start 1");
    CHECK(plan.republish);
    CHECK(plan.previous == "1");
}

TEST_CASE("an exchange that was killed after it took place only starts") {
    const ops::AgentPlan plan = plan_of(exchanged(Phase::pending, "1 stopped"));
    CHECK(text_of(plan.steps) == "start 1");
    CHECK(plan.previous == "1");
    CHECK(plan.memory.last_switch->phase == Phase::pending);
}

// --- probation and rollback ----------------------------------------------------------------------

TEST_CASE("a republished build that runs is left alone, and the old tree is kept on probation") {
    CHECK(steps_of(exchanged(Phase::probation, "1 started")).empty());
}

TEST_CASE("after probation the old tree goes, and its build is forgotten") {
    const Given situation = exchanged(Phase::probation, "1 started", 2 * hour);
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(text_of(plan.steps) == "prune aside 1");
    CHECK(plan.memory.find("1")->digests == build_b);
}

TEST_CASE("a republished build that dies on probation is exchanged back") {
    Given situation = exchanged(Phase::probation, "1 stopped");
    situation.memory.last_switch->restarts = 2;
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(text_of(plan.steps) == "rollback 1, start 1");
    CHECK(plan.republish);
    REQUIRE(plan.memory.failure.has_value());
    CHECK(plan.memory.failure->digests == build_b);
    CHECK(plan.memory.find("1")->digests == build_a);
}

TEST_CASE("a rollback of a republished build that was begun goes on") {
    Given situation = exchanged(Phase::undoing, "1 started");
    situation = failed(situation, "1", 10 * minute, 1, build_b);
    CHECK(steps_of(situation) == "stop 1, rollback 1, start 1");
}

TEST_CASE("without the old tree a republished build is started again rather than rolled back") {
    Given situation = exchanged(Phase::probation, "1 stopped");
    situation.seen.aside_exists = situation.seen.aside_complete = false;
    situation.seen.asides.clear();
    situation.memory.last_switch->restarts = 2;
    CHECK(steps_of(situation) == "start 1");
}

TEST_CASE("a republished build that failed is waited out, and the old one runs on") {
    for (const Row& row :
         Table{{"1 started; aside complete", "start 1", ""}, {"1 stopped", "start 1", "start 1"}}) {
        CAPTURE(row.seen);
        const Given waiting = failed(in_use(build_b, row.seen), "1", hour, 1, build_b);
        const ops::AgentPlan plan = plan_of(waiting);
        CHECK(text_of(plan.steps) == row.steps);
        CHECK_FALSE(plan.problem.empty());
        CHECK(plan.memory.failure.has_value());
    }
    // The tree that failed lies aside, for the post-mortem, until it is staged anew.
    const Given over = failed(in_use(build_b, "1 started; aside complete"), "1", 0, 1, build_b);
    CHECK(steps_of(over) == whole_exchange);
    CHECK(plan_of(over).stage_anew);
}

TEST_CASE("taking a bad republished build back leaves the old one alone, which runs") {
    const Given situation = failed(in_use(build_a), "1", hour, 1, build_b);
    const ops::AgentPlan plan = plan_of(situation);
    CHECK(plan.steps.empty());
    CHECK(plan.problem.empty());
    CHECK(steps_of(failed(in_use(build_a, "1 stopped"), "1", hour, 1, build_b)) == "start 1");
}

TEST_CASE("a bad republished build keeps nobody from starting the old one") {
    // The answer gives no digest any more, and the digest file could not be asked for.
    Given situation = deployed(given("1 stopped", "start 1"), "1", day, build_a);
    CHECK(steps_of(failed(situation, "1", hour, 1, build_b)) == "start 1");
}
