#include "../../examples/ops-meta/desired.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using meta::parse_desired;
using meta::Wish;
using meta::wishes_for;

namespace {

const char* const fleet = R"(
defaults:
  falcon-agent: {version: 1.0.0, cmd: start, md5: inline}
  dinp-agent: {version: 2.0.0, cmd: stop}
overrides:
  web-:
    falcon-agent: {version: 1.0.1}
  web-canary-:
    falcon-agent: {version: 1.1.0, md5: ""}
    extra-agent: {version: 0.1, tarball: "http://elsewhere/x", sha256: file}
  db-:
    dinp-agent:
  db-7:
    dinp-agent: {cmd: start}
)";

Wish wish_of(const std::string& agent, const std::string& host) {
    for (const Wish& wish : wishes_for(parse_desired(fleet), host)) {
        if (wish.name == agent) return wish;
    }
    return {};
}

std::string fault_of(const std::string& text) {
    try {
        parse_desired(text);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("a host without an override gets the defaults") {
    const auto wishes = wishes_for(parse_desired(fleet), "app-1");
    REQUIRE(wishes.size() == 2);
    CHECK(wishes[0] == Wish{"dinp-agent", "2.0.0", "stop", "", "", std::nullopt});
    CHECK(wishes[1] == Wish{"falcon-agent", "1.0.0", "start", "", "inline", std::nullopt});
}

TEST_CASE("an override changes the fields that it names and no others") {
    CHECK(wish_of("falcon-agent", "web-1") ==
          Wish{"falcon-agent", "1.0.1", "start", "", "inline", std::nullopt});
    CHECK(wish_of("dinp-agent", "web-1").version == "2.0.0");
}

TEST_CASE("the longest prefix wins, field by field") {
    const Wish wish = wish_of("falcon-agent", "web-canary-3");
    CHECK(wish.version == "1.1.0");
    CHECK(wish.md5.empty());
    CHECK(wish.cmd == "start");
}

TEST_CASE("an override can bring an agent that the defaults do not have") {
    CHECK(wish_of("extra-agent", "web-canary-3") ==
          Wish{"extra-agent", "0.1", "start", "http://elsewhere/x", "", "file"});
    CHECK(wish_of("extra-agent", "web-1").name.empty());
}

TEST_CASE("an agent with nothing behind it is left out, and a longer prefix brings it back") {
    CHECK(wish_of("dinp-agent", "db-1").name.empty());
    CHECK(wish_of("dinp-agent", "db-7").cmd == "start");
    CHECK(wish_of("dinp-agent", "db-7").version == "2.0.0");
}

TEST_CASE("a prefix is compared from the hostname's beginning") {
    CHECK(wish_of("falcon-agent", "old-web-1").version == "1.0.0");
    CHECK(wish_of("falcon-agent", "web").version == "1.0.0");
    CHECK(wish_of("falcon-agent", "").version == "1.0.0");
}

TEST_CASE("a version that looks like a number keeps its text") {
    const auto state = parse_desired("defaults: {a: {version: 1.10}, b: {version: 007}}");
    CHECK(wishes_for(state, "x")[0].version == "1.10");
    CHECK(wishes_for(state, "x")[1].version == "007");
}

TEST_CASE("cmd is start where nothing is said") {
    CHECK(wishes_for(parse_desired("defaults: {a: {version: 1}}"), "x")[0].cmd == "start");
}

TEST_CASE("an agent that is only watched needs no version") {
    CHECK(wishes_for(parse_desired("defaults: {a: {cmd: none}}"), "x")[0].cmd == "none");
}

TEST_CASE("a pause is kept") {
    CHECK(parse_desired("paused: lunch").paused == "lunch");
    CHECK(parse_desired("defaults: {}").paused.empty());
}

TEST_CASE("errors name the line") {
    CHECK(fault_of("defaults:\n  a:\n    version: ../1\n").starts_with("line 3: version"));
    CHECK(fault_of("defaults:\n  a: {version: 1}\n  a: {version: 2}\n") ==
          "line 3: a is there twice");
    CHECK(fault_of("defaults:\n  a: [1\n").starts_with("line "));
}

TEST_CASE("what could not be sent to a host is refused") {
    const std::string hex(33, 'a');
    for (const std::string& text : {
             std::string(),
             std::string("# nothing\n"),
             std::string("[]"),
             std::string("plain"),
             std::string("default: {}"),
             std::string("defaults: []"),
             std::string("defaults: {a: 1.0.0}"),
             std::string("defaults: {a: {versio: 1}}"),
             std::string("defaults: {a: {version: [1]}}"),
             std::string("defaults: {a: {version: ''}}"),
             std::string("defaults: {a: {version: -1}}"),
             std::string("defaults: {a: {version: 1, cmd: restart}}"),
             std::string("defaults: {a: {version: 1, tarball: ftp://x}}"),
             std::string("defaults: {a: {version: 1, tarball: 'http://x y'}}"),
             "defaults: {a: {version: 1, md5: " + hex + "}}",
             "defaults: {a: {version: 1, sha256: " + hex + "}}",
             std::string("defaults: {a/b: {version: 1}}"),
             std::string("defaults: {.a: {version: 1}}"),
             std::string("defaults: {ops-updater: {version: 1}}"),
             "defaults: {a: {version: " + std::string(129, '1') + "}}",
             "defaults: {" + std::string(120, 'a') + ": {version: " + std::string(81, '1') + "}}",
             std::string("defaults: {a: {cmd: start}}"),
             std::string("overrides: {web-: {a: {cmd: stop}}}"),
         }) {
        CAPTURE(text);
        CHECK_FALSE(fault_of(text).empty());
    }
}

TEST_CASE("a missing version is told with the prefix that lacks it") {
    CHECK(fault_of("overrides: {web-: {a: {cmd: stop}}}") ==
          "a has no version for hosts that begin with web-");
}
