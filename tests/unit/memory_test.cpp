#include "rules/memory.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "rules/error.hpp"
#include "rules/observed.hpp"

using namespace ops;
using nlohmann::json;

namespace {

const std::string md5(32, 'a');
const std::string sha256(64, 'b');

AgentMemory full_memory() {
    AgentMemory memory;
    memory.deployed = {{"1.0.0", {md5, ""}, 1700000000}, {"1.0.1", {"", sha256}, 1700000300}};
    memory.last_switch = Switch{"1.0.0",
                                "1.0.1",
                                {md5, sha256},
                                1700000300,
                                "boot-1",
                                Switch::Phase::probation,
                                2,
                                std::numeric_limits<std::uint64_t>::max()};
    memory.failure = Failure{"1.0.2", {md5, ""},  "did not start", "line 1\nline 2 ü\n",
                             3,       1700000400, 1700001000};
    memory.trouble = Trouble{"1.0.2", "download failed: 404", 1700000500};
    memory.wanted = Cmd::start;
    return memory;
}

/// The full memory's JSON with one value put elsewhere.
std::string spoilt(const std::string& pointer, const json& value) {
    json object = json::parse(to_json(full_memory()));
    object[json::json_pointer(pointer)] = value;
    return object.dump();
}

std::string without(const std::string& pointer) {
    const json::json_pointer path(pointer);
    json object = json::parse(to_json(full_memory()));
    object[path.parent_pointer()].erase(path.back());
    return object.dump();
}

}  // namespace

TEST_CASE("what is remembered of an agent comes back as it was") {
    CHECK(parse_memory(to_json(full_memory())) == full_memory());
    CHECK(parse_memory(to_json(AgentMemory{})) == AgentMemory{});
    for (const auto phase :
         {Switch::Phase::pending, Switch::Phase::probation, Switch::Phase::undoing}) {
        AgentMemory memory;
        memory.last_switch = Switch{"", "1", {}, 0, "", phase, 0, 0};
        memory.wanted = Cmd::stop;
        CHECK(parse_memory(to_json(memory)) == memory);
    }
}

TEST_CASE("a memory is one line of JSON that says its form") {
    const std::string text = to_json(full_memory());
    CHECK(text.find('\n') == std::string::npos);
    CHECK(json::parse(text)["format"] == 1);
}

TEST_CASE("fields that a later version adds are ignored, null is no part") {
    CHECK(parse_memory(spoilt("/new", json{{"x", 1}})) == full_memory());
    AgentMemory memory = full_memory();
    memory.trouble.reset();
    CHECK(parse_memory(spoilt("/trouble", nullptr)) == memory);
}

TEST_CASE("a memory of another form is refused") {
    CHECK_THROWS_AS(parse_memory(spoilt("/format", 2)), Error);
    CHECK_THROWS_AS(parse_memory(spoilt("/format", "1")), Error);
    CHECK_THROWS_AS(parse_memory(without("/format")), Error);
    CHECK_THROWS_AS(parse_memory("{}"), Error);
}

TEST_CASE("what is no memory at all is refused") {
    for (const char* text : {"", " ", "null", "[]", "7", "{", "{\"format\":1}", "\xff"}) {
        CAPTURE(std::string(text));
        CHECK_THROWS_AS(parse_memory(text), Error);
    }
    CHECK_THROWS_AS(parse_memory(std::string(100, '\0')), Error);  // a file after a power cut
    const std::string text = to_json(full_memory());
    CHECK_THROWS_AS(parse_memory(text.substr(0, text.size() / 2)), Error);
    CHECK_THROWS_AS(parse_memory(std::string(5 * 1024 * 1024, ' ') + text), Error);
    CHECK_THROWS_AS(
        parse_memory(spoilt("/x", json::parse(std::string(40, '[') + std::string(40, ']')))),
        Error);
}

TEST_CASE("every field of a memory must be there") {
    for (const char* pointer : {"/deployed",
                                "/wanted",
                                "/deployed/0/version",
                                "/deployed/0/md5",
                                "/deployed/0/sha256",
                                "/deployed/0/used_at",
                                "/last_switch/from",
                                "/last_switch/to",
                                "/last_switch/md5",
                                "/last_switch/at",
                                "/last_switch/boot_id",
                                "/last_switch/phase",
                                "/last_switch/restarts",
                                "/last_switch/new_tree",
                                "/failure/version",
                                "/failure/cause",
                                "/failure/output",
                                "/failure/tries",
                                "/failure/failed_at",
                                "/failure/retry_at",
                                "/trouble/version",
                                "/trouble/message",
                                "/trouble/at"}) {
        CAPTURE(std::string(pointer));
        CHECK_THROWS_AS(parse_memory(without(pointer)), Error);
        CHECK_THROWS_AS(parse_memory(spoilt(pointer, json::object())), Error);
        CHECK_THROWS_AS(parse_memory(spoilt(pointer, true)), Error);
    }
}

TEST_CASE("a version that would leave the ops dir is refused wherever it stands") {
    for (const char* pointer : {"/deployed/1/version", "/last_switch/from", "/last_switch/to",
                                "/failure/version", "/trouble/version"}) {
        for (const char* version : {"../../etc", "a/b", ".", "..", "-rf", "1\n"}) {
            CAPTURE(std::string(pointer));
            CAPTURE(std::string(version));
            CHECK_THROWS_AS(parse_memory(spoilt(pointer, version)), Error);
        }
    }
    CHECK_THROWS_AS(parse_memory(spoilt("/deployed/0/version", "")), Error);
    CHECK_THROWS_AS(parse_memory(spoilt("/last_switch/to", "")), Error);
    CHECK_THROWS_AS(parse_memory(spoilt("/failure/version", "")), Error);
    CHECK(parse_memory(spoilt("/last_switch/from", "")).last_switch->from.empty());
}

TEST_CASE("a digest is none or its hex digits in lower case") {
    CHECK(parse_memory(spoilt("/failure/md5", "")).failure->digests.empty());
    for (const std::string& hex : {std::string("x"), sha256, std::string(32, 'A'), md5 + "\n"}) {
        CHECK_THROWS_AS(parse_memory(spoilt("/failure/md5", hex)), Error);
    }
    CHECK_THROWS_AS(parse_memory(spoilt("/deployed/0/sha256", md5)), Error);
}

TEST_CASE("counts and times are whole numbers, not negative, that fit") {
    for (const char* pointer : {"/deployed/0/used_at", "/last_switch/at", "/last_switch/restarts",
                                "/failure/tries", "/failure/retry_at", "/trouble/at"}) {
        CAPTURE(std::string(pointer));
        for (const json& value :
             {json(-1), json(1.5), json(std::numeric_limits<std::uint64_t>::max()), json("1"),
              json(nullptr)}) {
            CHECK_THROWS_AS(parse_memory(spoilt(pointer, value)), Error);
        }
    }
    CHECK_THROWS_AS(parse_memory(spoilt("/failure/tries", 4294967296)), Error);
    CHECK_THROWS_AS(parse_memory(spoilt("/last_switch/new_tree", -1)), Error);
}

TEST_CASE("words of a memory are those that are written") {
    CHECK_THROWS_AS(parse_memory(spoilt("/wanted", "restart")), Error);
    CHECK_THROWS_AS(parse_memory(spoilt("/last_switch/phase", "done")), Error);
    CHECK_THROWS_AS(parse_memory(spoilt("/last_switch/phase", "")), Error);
    CHECK_THROWS_AS(parse_memory(spoilt("/last_switch/boot_id", std::string(1000, 'b'))), Error);
}

TEST_CASE("a version is deployed once") {
    CHECK_THROWS_AS(parse_memory(spoilt("/deployed/1/version", "1.0.0")), Error);
}

TEST_CASE("output that is not UTF-8 does not make a memory impossible") {
    AgentMemory memory = full_memory();
    memory.failure->output = "bad \xff byte";
    CHECK(parse_memory(to_json(memory)).failure->output == "bad \xef\xbf\xbd byte");
}

TEST_CASE("a deployment is found, or made") {
    AgentMemory memory = full_memory();
    REQUIRE(memory.find("1.0.1") != nullptr);
    CHECK(memory.find("1.0.1")->used_at == 1700000300);
    CHECK(memory.find("9") == nullptr);
    memory.deployment("1.0.0").used_at = 7;
    CHECK(memory.deployed.size() == 2);
    memory.deployment("9").used_at = 9;
    CHECK(memory.deployed.size() == 3);
    CHECK(memory.find("9")->used_at == 9);
}

TEST_CASE("how the last pass ended comes back as it was") {
    const LastPass last{1700000000, 1699999700, 69, 1.234567, {"ops-meta is down", "ü"}};
    CHECK(parse_last_pass(to_json(last)) == last);
    CHECK(parse_last_pass(to_json(LastPass{})) == LastPass{});
}

TEST_CASE("a last pass that none wrote is refused") {
    const auto with = [](const char* key, const json& value) {
        json object = json::parse(to_json(LastPass{1, 2, 3, 4.5, {"x"}}));
        object[key] = value;
        return object.dump();
    };
    CHECK(parse_last_pass(with("duration", 4)).duration == 4);
    CHECK_THROWS_AS(parse_last_pass(with("duration", -1)), Error);
    CHECK_THROWS_AS(parse_last_pass(with("duration", nullptr)), Error);
    CHECK_THROWS_AS(parse_last_pass(with("exit_code", 256)), Error);
    CHECK_THROWS_AS(parse_last_pass(with("finished_at", "1")), Error);
    CHECK_THROWS_AS(parse_last_pass(with("errors", json::array({7}))), Error);
    CHECK_THROWS_AS(parse_last_pass(with("errors", json::object())), Error);
    CHECK_THROWS_AS(parse_last_pass("[]"), Error);
}

TEST_CASE("a duration that is no number is written as none") {
    LastPass last;
    last.duration = std::numeric_limits<double>::quiet_NaN();
    CHECK(parse_last_pass(to_json(last)).duration == 0);
}

TEST_CASE("a kept answer comes back byte by byte, however large") {
    const KeptAnswer kept{"http://h/heartbeat", "list", "web-01", 1700000000,
                          "[{\"name\":\"a\\u0000ü\"}]\n"};
    CHECK(parse_kept_answer(to_json(kept)) == kept);
    KeptAnswer large = kept;
    large.body.assign(4 * 1024 * 1024, '\x01');  // each byte is escaped as six
    CHECK(parse_kept_answer(to_json(large)) == large);
    CHECK_THROWS_AS(parse_kept_answer(R"({"format":1})"), Error);
    CHECK_THROWS_AS(parse_kept_answer(""), Error);
}

TEST_CASE("the running pass comes back as it was") {
    const Running running{4711, std::numeric_limits<std::uint64_t>::max(), 1700000240};
    CHECK(parse_running(to_json(running)) == running);
    CHECK_THROWS_AS(parse_running(R"({"format":1,"pid":-1,"start_ticks":0,"splay_until":0})"),
                    Error);
    CHECK_THROWS_AS(
        parse_running(R"({"format":1,"pid":4294967296,"start_ticks":0,"splay_until":0})"), Error);
    CHECK_THROWS_AS(parse_running("4711"), Error);
}

TEST_CASE("a version dir is found among those that were seen") {
    Observed agent;
    agent.versions = {{"1.0.0"}, {"1.0.1"}};
    REQUIRE(agent.find("1.0.1") != nullptr);
    CHECK(agent.find("1.0.1")->version == "1.0.1");
    CHECK(agent.find("2") == nullptr);
}
