#include <doctest/doctest.h>

#include <limits>
#include <map>
#include <sstream>

#include "hostile.hpp"
#include "rules/views.hpp"

namespace {

ops::PassMetrics a_pass() {
    ops::PassMetrics metrics;
    metrics.finished_at = 1'800'000'000;
    metrics.success_at = 1'799'999'700;
    metrics.duration = 0.2137;
    metrics.exit_code = 1;
    metrics.ops_meta_reachable = true;
    metrics.agents = {{"dinp-agent", "2.0.0", false, true, true, false},
                      {"falcon-agent", "1.0.0", true, false, false, true}};
    metrics.actions = {{"download", 1}, {"start", 2}};
    return metrics;
}

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("the metrics have the contract's series") {
    const std::string text = ops::metrics_text(a_pass());
    for (const char* line :
         {"ops_updater_last_pass_timestamp_seconds 1800000000",
          "ops_updater_last_success_timestamp_seconds 1799999700",
          "ops_updater_pass_duration_seconds 0.214",
          "ops_updater_agent_up{name=\"dinp-agent\",version=\"2.0.0\"} 0",
          "ops_updater_agent_up{name=\"falcon-agent\",version=\"1.0.0\"} 1",
          "ops_updater_agent_in_sync{name=\"dinp-agent\"} 1",
          "ops_updater_agent_in_sync{name=\"falcon-agent\"} 0",
          "ops_updater_agent_held{name=\"dinp-agent\"} 1",
          "ops_updater_agent_failed{name=\"falcon-agent\"} 1", "ops_updater_last_pass_exit_code 1",
          "ops_updater_ops_meta_up 1", "ops_updater_actions{action=\"download\"} 1",
          "ops_updater_actions{action=\"start\"} 2",
          "ops_updater_build_info{version=\"" OPS_UPDATER_VERSION "\"} 1"}) {
        CAPTURE(std::string(line));
        CHECK(has_line(text, line));
    }
}

TEST_CASE("each family has its help and its type once, before its series, in one piece") {
    std::istringstream lines(ops::metrics_text(a_pass()));
    std::map<std::string, int> helps;
    std::string family;
    std::string type;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string first;
        std::string second;
        std::string third;
        words >> first >> second >> third;
        if (first == "#" && second == "HELP") {
            family = third;
            CHECK(++helps[family] == 1);
        } else if (first == "#") {
            CHECK(second == "TYPE");
            CHECK(third == family);
            type = family;
        } else {
            CHECK(first.substr(0, first.find('{')) == family);
            CHECK(type == family);
        }
    }
    CHECK(helps.size() == 11);
}

TEST_CASE("series without a value are left out, with their headers") {
    ops::PassMetrics metrics = a_pass();
    metrics.success_at = 0;
    CHECK(ops::metrics_text(metrics).find("last_success") == std::string::npos);
    const std::string empty = ops::metrics_text({});
    for (const char* family : {"agent_up", "agent_in_sync", "actions", "last_pass_timestamp"})
        CHECK(empty.find(family) == std::string::npos);
    CHECK(has_line(empty, "ops_updater_ops_meta_up 0"));
}

TEST_CASE("label values are escaped") {
    ops::PassMetrics metrics;
    metrics.agents = {{R"(a"b\c)", "1", true, true, false, false}};
    CHECK(has_line(ops::metrics_text(metrics), R"(ops_updater_agent_in_sync{name="a\"b\\c"} 1)"));
    metrics.agents.front().name = hostile::text;
    const std::string text = ops::metrics_text(metrics);
    CHECK(hostile::is_harmless(text));
    CHECK(text.back() == '\n');
}

TEST_CASE("a duration that is no number is none") {
    ops::PassMetrics metrics;
    metrics.duration = std::numeric_limits<double>::quiet_NaN();
    CHECK(has_line(ops::metrics_text(metrics), "ops_updater_pass_duration_seconds 0"));
    metrics.duration = std::numeric_limits<double>::max();
    CHECK(ops::metrics_text(metrics).find("seconds 17976931348623157") != std::string::npos);
}
