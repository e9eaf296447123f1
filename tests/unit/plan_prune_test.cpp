// What goes and what stays: relics, leftovers, versions beyond keep_versions.
#include "plan_cases.hpp"

using namespace cases;
using Phase = ops::Switch::Phase;

namespace {

/// All of these version dirs were made by the updater, the first one used last.
Given all_deployed(const std::string& seen, const std::string& entry,
                   std::initializer_list<const char*> versions) {
    Given situation = given(seen, entry);
    std::int64_t ago = hour;
    for (const char* version : versions)
        situation = deployed(situation, version, ago += hour);
    return situation;
}

constexpr const char* five = "5 started; 1 complete; 2 complete; 3 complete; 4 complete";

}  // namespace

// --- keep_versions -------------------------------------------------------------------------------

TEST_CASE("versions beyond keep_versions go, the current one counted") {
    Given situation = all_deployed(five, "start 5", {"5", "4", "3", "2", "1"});
    CHECK(steps_of(situation) == "prune old 2, prune old 1");
    situation.rules.keep_versions = 5;
    CHECK(steps_of(situation).empty());
    situation.rules.keep_versions = 1;
    CHECK(steps_of(situation) == "prune old 4, prune old 3, prune old 2, prune old 1");
}

TEST_CASE("older means used longer ago: versions are never compared") {
    CHECK(steps_of(all_deployed(five, "start 5", {"5", "1", "3", "4", "2"})) ==
          "prune old 4, prune old 2");
}

TEST_CASE("the previous version always stays, and is one of those that are kept") {
    Given situation = all_deployed(five, "start 5", {"5", "4", "3", "2", "1"});
    situation = switched(situation, "1", "5", Phase::probation);
    CHECK(steps_of(situation) == "prune old 3, prune old 2");
    situation.rules.keep_versions = 1;
    CHECK(steps_of(situation) == "prune old 4, prune old 3, prune old 2");
}

TEST_CASE("the previous version stays when .version has to be written again") {
    Given situation = all_deployed("5 found; 1 complete; 4 complete", "start 5", {"5", "4", "1"});
    situation = switched(situation, "1", "5", Phase::probation);
    situation.rules.keep_versions = 1;
    CHECK(steps_of(situation) == "switch 5, prune old 4");
}

TEST_CASE("after a switch the new version and the one it came from are kept") {
    Given situation = all_deployed("4 started; 1 complete; 2 complete; 3 complete", "start 5",
                                   {"4", "3", "2", "1"});
    situation = switched(situation, "1", "4", Phase::probation);
    CHECK(steps_of(situation) ==
          "download 5, unpack 5, stop 4, switch 5, start 5, prune old 2, prune old 1");
}

TEST_CASE("after a rollback the version that is back and the one that failed are kept") {
    Given situation = all_deployed("2 stopped; 1 complete; 3 complete", "start 2", {"2", "1", "3"});
    situation = failed(switched(situation, "1", "2", Phase::undoing), "2", 10 * minute);
    situation.rules.keep_versions = 1;
    CHECK(steps_of(situation) == "rollback 1, start 1, prune old 3");
}

TEST_CASE("a version that failed and waits stays for the post-mortem") {
    Given situation = all_deployed("1 started; 2 complete; 3 complete", "start 2", {"3", "2", "1"});
    situation.rules.keep_versions = 1;
    CHECK(steps_of(failed(situation, "2", hour)) == "prune old 3");
}

TEST_CASE("a desired version that is complete but may not be switched to stays") {
    Given situation = all_deployed("1 started; 2 complete; 3 complete", "start 2", {"3", "2", "1"});
    situation.rules.keep_versions = 1;
    situation.rules.may_switch = false;
    CHECK(steps_of(situation) == "prune old 3");
}

TEST_CASE("version dirs that the updater did not make stay") {
    Given situation = given(five, "start 5");
    situation.rules.keep_versions = 1;
    CHECK(steps_of(situation).empty());
    CHECK(steps_of(deployed(situation, "2", day)) == "prune old 2");
    // … incomplete ones too.
    CHECK(steps_of(given("1 started; 2 tarball; 3 part; 4 empty", "start 1")).empty());
}

TEST_CASE("a deployment whose dir is gone is forgotten") {
    const ops::AgentPlan plan = plan_of(all_deployed("1 started", "start 1", {"1", "2"}));
    CHECK(plan.memory.find("1") != nullptr);
    CHECK(plan.memory.find("2") == nullptr);
}

TEST_CASE("a version that is used as C keeps its place even if it was deployed long ago") {
    Given situation = all_deployed(five, "start 5", {"1", "2", "3", "4", "5"});
    CHECK(steps_of(situation) == "prune old 3, prune old 4");
}

// --- leftovers and relics ------------------------------------------------------------------------

TEST_CASE("incomplete version dirs that are no longer wanted go") {
    const char* seen = "1 started; 2 tarball; 3 part; 4 empty; 5 torn";
    CHECK(steps_of(all_deployed(seen, "start 1", {"1", "2", "3", "4", "5"})) ==
          "prune leftover 2, prune leftover 3, prune leftover 4, prune leftover 5");
    // What is wanted is no leftover to remove, but one to finish.
    Given situation = all_deployed("1 started; 2 part", "start 2", {"1", "2"});
    situation.rules.may_switch = false;
    CHECK(steps_of(situation) == "resume 2, unpack 2");
}

TEST_CASE("the tarball in C's own dir is a relic, and a running agent is not touched for it") {
    for (const std::string seen : {"1 started; relic", "1 started; md5"}) {
        CAPTURE(seen);
        CHECK(steps_of(given(seen, "start 1")) == "prune relic 1");
    }
}

TEST_CASE("a host that was taken over is adopted without a restart and without a download") {
    const char* seen = "2 started; relic; 1 torn";
    const ops::AgentPlan plan = plan_of(with_inline(given(seen, "start 2"), build_b));
    CHECK(text_of(plan.steps) == "prune relic 2");
    CHECK_FALSE(plan.stages());
}

TEST_CASE("agents that are held or without a cmd keep all their files") {
    Given situation = all_deployed("1 started; relic; 2 tarball", "none 1", {"2"});
    CHECK(steps_of(situation).empty());
    situation = all_deployed("1 started; relic; 2 tarball", "start 1", {"2"});
    situation.seen.held = "";
    CHECK(steps_of(situation).empty());
}

TEST_CASE("what lies aside of a version that is no longer in use goes") {
    CHECK(steps_of(given("2 started; 1 complete; 1 aside", "start 2")) == "prune aside 1");
    CHECK(steps_of(given("1 started; 2 complete; aside complete", "start 2")) ==
          "stop 1, switch 2, start 2, prune aside 1");
}

TEST_CASE("what lies aside without any reason to be there goes") {
    CHECK(steps_of(given("1 started; aside part", "start 1")) == "prune aside 1");
    Given situation = given("1 started; aside part", "start 1");
    situation.rules.may_switch = false;  // it may be what ops-meta still wants
    CHECK(steps_of(situation).empty());
}
