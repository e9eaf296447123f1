// Which agents are reported, and what is said of their trouble.
#include "plan_cases.hpp"
#include "rules/text.hpp"

using namespace cases;
using ops::ReportEntry;
using ops::RunState;

namespace {

std::vector<ReportEntry> report(const ops::Observed& seen, const ops::AgentMemory& memory = {}) {
    return ops::report_entries({seen}, {{"a", memory}});
}

ops::AgentMemory with_trouble(const std::string& version, const std::string& message) {
    ops::AgentMemory memory;
    memory.trouble = ops::Trouble{version, message, now};
    return memory;
}

}  // namespace

TEST_CASE("an agent is reported with the version and the state that it was found in") {
    CHECK(report(observed("1 started")) ==
          std::vector<ReportEntry>{{"a", "1", RunState::started, ""}});
    CHECK(report(observed("1 stopped; 2 complete")) ==
          std::vector<ReportEntry>{{"a", "1", RunState::stopped, ""}});
    CHECK(report(observed("1 found")) ==
          std::vector<ReportEntry>{{"a", "1", RunState::started, ""}});
}

TEST_CASE("a held agent is reported like any") {
    ops::Observed seen = observed("1 started");
    seen.held = "until monday";
    CHECK(report(seen) == std::vector<ReportEntry>{{"a", "1", RunState::started, ""}});
}

TEST_CASE("a folder without .version is not reported") {
    CHECK(report(observed("none")).empty());
    CHECK(report(observed("none; 1 complete")).empty());
}

TEST_CASE("an agent whose first stage failed is reported without a version") {
    const ops::AgentMemory memory = with_trouble("1", "404 Not Found");
    const std::vector<ReportEntry> expected{{"a", "", RunState::unknown, "1: 404 Not Found"}};
    CHECK(report(observed("none; 1 empty"), memory) == expected);
    // … even if not a folder of it is there.
    CHECK(ops::report_entries({}, {{"a", memory}}) == expected);
}

TEST_CASE("an agent whose first start failed is reported with its version") {
    ops::AgentMemory memory = with_trouble("1", "start: exit 3");
    memory.failure = ops::Failure{"1", {}, "start: exit 3", "", 1, now, now + 600};
    const auto entries = report(observed("1 stopped"), memory);
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].version == "1");
    CHECK(entries[0].status == RunState::stopped);
    CHECK(entries[0].error == "1 failed (start: exit 3); next try at " + ops::iso_time(now + 600));
}

TEST_CASE("the error names every trouble, each with its version") {
    ops::Observed seen = observed("1 unknown");
    seen.trouble = "status: timed out after 10s";
    ops::AgentMemory memory = with_trouble("3", "md5 mismatch");
    memory.failure = ops::Failure{"2", {}, "start: exit 3", "", 1, now, now + 600};
    const auto entries = report(seen, memory);
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].error ==
          "1: status: timed out after 10s; 2 failed (start: exit 3); next "
          "try at " +
              ops::iso_time(now + 600) + "; 3: md5 mismatch");
}

TEST_CASE("a .version that names a version without control is reported with that version") {
    ops::Observed seen = observed("1 lost");
    seen.trouble = "its version dir has no control";
    CHECK(report(seen) == std::vector<ReportEntry>{
                              {"a", "1", RunState::unknown, "1: its version dir has no control"}});
}

TEST_CASE("an agent with a fault says so") {
    ops::Observed seen = observed("none; 1 complete; 2 complete");
    seen.has_version_file = true;
    seen.fault = "several versions are started (1, 2)";
    CHECK(report(seen) == std::vector<ReportEntry>{
                              {"a", "", RunState::unknown, "several versions are started (1, 2)"}});
}
