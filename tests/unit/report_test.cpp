#include "rules/report.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace ops;
using nlohmann::json;

namespace {

const std::vector<ReportEntry> two{{"falcon-agent", "1.0.0", RunState::started, ""},
                                   {"dinp-agent", "2.0.0", RunState::stopped, "2.0.1: no space"}};

}  // namespace

TEST_CASE("the list is the seed document's, with an error where there is one") {
    CHECK(
        report_body(Protocol::list, "web-01", two, 1700000000) ==
        R"([{"name":"falcon-agent","version":"1.0.0","status":"started"},)"
        R"({"name":"dinp-agent","version":"2.0.0","status":"stoped","error":"2.0.1: no space"}])");
}

TEST_CASE("the heartbeat names the host and the time of each agent") {
    const json body = json::parse(report_body(Protocol::heartbeat, "web-01", two, 1700000000));
    CHECK(body == json::parse(R"({"hostname":"web-01","realAgents":[
        {"name":"falcon-agent","version":"1.0.0","status":"started","timestamp":1700000000},
        {"name":"dinp-agent","version":"2.0.0","status":"stoped","error":"2.0.1: no space",
         "timestamp":1700000000}]})"));
}

TEST_CASE("a host without agents reports an empty list, not null") {
    CHECK(report_body(Protocol::list, "h", {}, 0) == "[]");
    CHECK(report_body(Protocol::heartbeat, "h", {}, 0) == R"({"hostname":"h","realAgents":[]})");
}

TEST_CASE("an agent whose first stage failed has no version and an unknown status") {
    CHECK(report_body(Protocol::list, "h", {{"a", "", RunState::unknown, "1.0: 404"}}, 0) ==
          R"([{"name":"a","version":"","status":"unknown","error":"1.0: 404"}])");
}

TEST_CASE("an error is one line on the wire") {
    const json body = json::parse(
        report_body(Protocol::list, "h", {{"a", "1", RunState::unknown, "two\nlines\x1b"}}, 0));
    CHECK(body[0]["error"] == "two lines?");
}

TEST_CASE("bytes that are not UTF-8 make no report impossible") {
    const std::vector<ReportEntry> odd{{"a\xff", "\xc3", RunState::unknown, "\xed\xa0\x80"}};
    for (const Protocol protocol : {Protocol::list, Protocol::heartbeat}) {
        CHECK(json::accept(report_body(protocol, "host\xfe", odd, 1)));
    }
}

TEST_CASE("protocols have the configuration's words") {
    CHECK(to_string(Protocol::list) == "list");
    CHECK(to_string(Protocol::heartbeat) == "heartbeat");
}
