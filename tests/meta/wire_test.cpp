#include "../../examples/ops-meta/wire.hpp"

#include <doctest/doctest.h>

#include <string>

using meta::answer_body;
using meta::answer_entries;
using meta::AnswerEntry;
using meta::BadRequest;
using meta::DigestKind;
using meta::parse_report;
using meta::ReportedAgent;
using meta::Shape;
using meta::Wish;

namespace {

std::optional<std::string> fake_digest(DigestKind kind, const std::string& file) {
    if (file != "a-1.tar.gz") return std::nullopt;
    return kind == DigestKind::md5 ? "md5 of it" : "sha256 of it";
}

AnswerEntry answer_to(const Wish& wish) {
    return answer_entries({wish}, "http://meta/tarballs", fake_digest).at(0);
}

}  // namespace

TEST_CASE("a list is the seed's protocol") {
    const auto report = parse_report(
        R"([{"name":"a","version":"1","status":"started"},
            {"name":"b","version":"","status":"unknown","error":"b 2: no digest"}])");
    CHECK(report.shape == Shape::list);
    REQUIRE(report.agents.size() == 2);
    CHECK(report.agents[0] == ReportedAgent{"a", "1", "started", ""});
    CHECK(report.agents[1] == ReportedAgent{"b", "", "unknown", "b 2: no digest"});
}

TEST_CASE("an object with realAgents is a heartbeat") {
    const auto report = parse_report(
        R"({"hostname":"h","realAgents":[{"name":"a","version":"1","status":"stoped",
            "timestamp":1700000000}]})");
    CHECK(report.shape == Shape::envelope);
    CHECK(report.hostname == "h");
    REQUIRE(report.agents.size() == 1);
    CHECK(report.agents[0].status == "stoped");
    CHECK(parse_report(R"({"realAgents":null})").agents.empty());
}

TEST_CASE("anything else is a bad request") {
    for (const char* body : {"", "x", "{}", "1", "null", "\"text\"", "[", R"({"realAgents":1})",
                             R"({"hostname":"h"})", "\xff"}) {
        CAPTURE(body);
        CHECK_THROWS_AS(parse_report(body), BadRequest);
    }
    CHECK_THROWS_AS(parse_report(std::string(100'000, '[')), BadRequest);
}

TEST_CASE("entries that make no sense are left out, the others stay") {
    const auto report = parse_report(
        R"([1, null, [], {}, {"name":1}, {"name":""}, {"name":"a","version":2,"status":[]}])");
    REQUIRE(report.agents.size() == 1);
    CHECK(report.agents[0] == ReportedAgent{"a", "", "", ""});
}

TEST_CASE("what a host can make this server keep is bounded") {
    std::string body = "[";
    for (int i = 0; i < 1000; ++i)
        body += R"({"name":"a"},)";
    CHECK(parse_report(body + "1]").agents.size() == 200);

    const std::string text(5000, 'x');
    const auto report = parse_report(R"([{"name":")" + text + R"(","error":")" + text + R"("}])");
    CHECK(report.agents.at(0).name.size() == 255);
    CHECK(report.agents.at(0).error.size() == 1000);
}

TEST_CASE("a text is not cut within a character") {
    CHECK(meta::clipped("aä", 2) == "a");
    CHECK(meta::clipped("aä", 3) == "aä");
    CHECK(meta::clipped("", 3).empty());
}

TEST_CASE("an agent's tarball is this server's own unless another is given") {
    CHECK(answer_to({"a", "1", "start", "", "", {}}).tarball == "http://meta/tarballs");
    CHECK(answer_to({"a", "1", "start", "http://x", "", {}}).tarball == "http://x");
}

TEST_CASE("digest rules: empty, file, inline, as written") {
    CHECK(answer_to({"a", "1", "start", "", "", {}}).md5.empty());
    CHECK_FALSE(answer_to({"a", "1", "start", "", "", {}}).sha256);
    CHECK(answer_to({"a", "1", "start", "", "file", {}}).md5 == "http://meta/tarballs");
    CHECK(answer_to({"a", "1", "start", "http://x", "file", "file"}).sha256 == "http://x");
    CHECK(answer_to({"a", "1", "start", "", "inline", {}}).md5 == "md5 of it");
    CHECK(answer_to({"a", "1", "start", "", "", "inline"}).sha256 == "sha256 of it");
    CHECK(answer_to({"a", "1", "start", "", "http://d", "http://e"}).md5 == "http://d");
    CHECK(answer_to({"a", "1", "start", "", "http://d", "http://e"}).sha256 == "http://e");
}

TEST_CASE("an inline digest of a tarball that is not there becomes the digest file") {
    const AnswerEntry entry = answer_to({"a", "2", "start", "", "inline", "inline"});
    CHECK(entry.md5 == "http://meta/tarballs");
    CHECK(entry.sha256 == "http://meta/tarballs");
}

TEST_CASE("the answer has the form that the report had") {
    const std::vector<AnswerEntry> entries = {{"a", "1", "http://t", "", "start", std::nullopt},
                                              {"b", "2", "http://t", "m", "", "s"}};
    const std::string list =
        R"([{"name":"a","version":"1","tarball":"http://t","md5":"","cmd":"start"},)"
        R"({"name":"b","version":"2","tarball":"http://t","md5":"m","cmd":"","sha256":"s"}])";
    CHECK(answer_body(Shape::list, entries) == list);
    CHECK(answer_body(Shape::envelope, entries) ==
          R"({"errorMessage":"","desiredAgents":)" + list + "}");
    CHECK(answer_body(Shape::list, {}) == "[]");
    CHECK(answer_body(Shape::envelope, {}) == R"({"errorMessage":"","desiredAgents":[]})");
}

TEST_CASE("an agent that is only watched has an empty cmd on the wire") {
    CHECK(answer_to({"a", "", "none", "", "", {}}).cmd.empty());
}

TEST_CASE("a refusal is an envelope with the reason") {
    CHECK(meta::refusal_body("paused: \"lunch\"") ==
          R"({"errorMessage":"paused: \"lunch\"","desiredAgents":[]})");
}
