#include "rules/identity.hpp"

#include <doctest/doctest.h>

#include "rules/text.hpp"

using namespace ops;

TEST_CASE("names of agents as they are used are valid") {
    for (const char* name : {"falcon-agent", "dinp-agent", "a", "7zip", "A.b_c+d~e-f", "ops-update",
                             "x.ops-updater"}) {
        CAPTURE(std::string(name));
        CHECK(name_fault(name) == "");
        CHECK(is_agent_name(name));
    }
}

TEST_CASE("names that would leave the ops dir or hide in it are refused") {
    for (const char* name :
         {"",    ".",   "..",   "../x", "a/b", "/etc",     ".hidden", "-rf", "~root", "_x",   "+x",
          "a b", "a\n", "a\tb", "a;b",  "a*",  "\xc3\xa9", "a\\b",    "a:b", "a@b",   "a%2fb"}) {
        CAPTURE(std::string(name));
        CHECK(name_fault(name) != "");
        CHECK_FALSE(is_agent_name(name));
    }
    CHECK_FALSE(is_agent_name(std::string_view("a\0b", 3)));
}

TEST_CASE("the updater's own names are no agents, but may be versions") {
    CHECK_FALSE(is_agent_name("ops-updater"));
    CHECK_FALSE(is_agent_name("ops-updater.pid"));
    CHECK_FALSE(is_agent_name("ops-updater2"));
    CHECK(is_version("ops-updater"));
}

TEST_CASE("128 characters are the longest name and version") {
    CHECK(is_agent_name(std::string(128, 'a')));
    CHECK_FALSE(is_agent_name(std::string(129, 'a')));
    CHECK(is_version(std::string(128, '1')));
    CHECK_FALSE(is_version(std::string(129, '1')));
}

TEST_CASE("versions follow the same alphabet") {
    for (const char* version : {"1.0.0", "v2", "1.0~rc1+git-7_x", "0"}) {
        CAPTURE(std::string(version));
        CHECK(is_version(version));
    }
    for (const char* version : {"", "..", ".version", "1/2", "1.0.0 ", "1.0\n", "~1"}) {
        CAPTURE(std::string(version));
        CHECK_FALSE(is_version(version));
    }
}

TEST_CASE("name and version are together at most 200 characters") {
    CHECK(identity_fault(std::string(100, 'a'), std::string(100, '1')) == "");
    CHECK(identity_fault(std::string(101, 'a'), std::string(100, '1')) ==
          "name and version are together longer than 200 characters");
    CHECK(identity_fault("", "1") == "the name is empty");
    CHECK(identity_fault("a", "") == "the version is empty");
}

TEST_CASE("a fault is one line that shows what is wrong") {
    CHECK(name_fault("../x") ==
          "the name \"../x\" has characters other than A-Z a-z 0-9 . _ + ~ -");
    CHECK(name_fault(".x") == "the name \".x\" does not begin with a letter or digit");
    CHECK(name_fault("ops-updater.yaml") == "the name \"ops-updater.yaml\" is the updater's own");
    const std::string fault = version_fault("1\n\x1b[2J\xff");
    CHECK(fault == one_line(fault));
    CHECK(fault.find("1 ?[2J?") != std::string::npos);
}

TEST_CASE("only the words in a status script's output decide") {
    CHECK(parse_status_output("started\n") == RunState::started);
    CHECK(parse_status_output("falcon-agent now is started, pid=7") == RunState::started);
    CHECK(parse_status_output("stoped") == RunState::stopped);
    CHECK(parse_status_output("stopped\n") == RunState::stopped);
    CHECK(parse_status_output("stoped, or stopped") == RunState::stopped);
    CHECK(parse_status_output(std::string("\0\xff started", 10)) == RunState::started);
}

TEST_CASE("a status that says both or neither is unknown") {
    CHECK(parse_status_output("") == RunState::unknown);
    CHECK(parse_status_output("running") == RunState::unknown);
    CHECK(parse_status_output("started\nstoped\n") == RunState::unknown);
    CHECK(parse_status_output("started then stopped") == RunState::unknown);
    CHECK(parse_status_output("Started") == RunState::unknown);
}

TEST_CASE("stopped is spelled as the seed spells it on the wire, and right for people") {
    CHECK(wire_name(RunState::stopped) == "stoped");
    CHECK(to_string(RunState::stopped) == "stopped");
    for (const RunState state : {RunState::started, RunState::unknown}) {
        CHECK(wire_name(state) == to_string(state));
    }
    CHECK(to_string(RunState::started) == "started");
    CHECK(to_string(RunState::unknown) == "unknown");
}

TEST_CASE("commands have the contract's words") {
    CHECK(to_string(Cmd::start) == "start");
    CHECK(to_string(Cmd::stop) == "stop");
    CHECK(to_string(Cmd::none) == "");
}
