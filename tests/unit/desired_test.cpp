#include "rules/desired.hpp"

#include <doctest/doctest.h>

#include "rules/error.hpp"
#include "rules/text.hpp"

using namespace ops;

namespace {

const std::string hex32 = "d41d8cd98f00b204e9800998ecf8427e";
const std::string hex64(64, 'e');

/// An entry that breaks no rule, with further fields behind (the last of a name counts).
std::string entry_json(const std::string& more = "") {
    return R"({"name":"falcon-agent","version":"1.0.1","tarball":"http://h:8888/falcon",)"
           R"("md5":"http://m/sums","cmd":"start")" +
           (more.empty() ? "" : "," + more) + "}";
}

Entry only_entry(const std::string& object) {
    const Desired desired = parse_answer("[" + object + "]");
    REQUIRE(desired.errors.empty());
    REQUIRE(desired.entries.size() == 1);
    return desired.entries.front();
}

EntryError only_error(const std::string& object) {
    const Desired desired = parse_answer("[" + object + "]");
    CHECK(desired.entries.empty());
    REQUIRE(desired.errors.size() == 1);
    return desired.errors.front();
}

/// Why the whole answer is unusable; "" where it is usable.
std::string answer_fault(const std::string& answer) {
    try {
        parse_answer(answer);
    } catch (const Error& error) {
        CHECK(error.code() == ExitCode::unavailable);
        CHECK(std::string(error.what()) == one_line(error.what()));
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("the seed document's own answer is understood") {
    const Desired desired = parse_answer(R"([
        {"name": "falcon-agent", "version": "1.0.0", "tarball": "http://11.11.11.11:8888/falcon",
         "md5": "http://11.11.11.11:8888/falcon", "cmd": "start"},
        {"name": "dinp-agent", "version": "2.0.0", "tarball": "http://11.11.11.11:8888/dinp",
         "md5": "", "cmd": "stop"}])");
    CHECK(desired.errors.empty());
    REQUIRE(desired.entries.size() == 2);
    const Entry& falcon = desired.entries[0];
    CHECK(falcon.name == "falcon-agent");
    CHECK(falcon.version == "1.0.0");
    CHECK(falcon.cmd == Cmd::start);
    CHECK(falcon.tarball_url == "http://11.11.11.11:8888/falcon/falcon-agent-1.0.0.tar.gz");
    CHECK(falcon.signature_url == falcon.tarball_url + ".minisig");
    CHECK(falcon.digest.url == falcon.tarball_url + ".md5");
    CHECK(falcon.published.empty());
    const Entry& dinp = desired.entries[1];
    CHECK(dinp.cmd == Cmd::stop);
    CHECK(dinp.digest == DigestSource{DigestKind::md5, "",
                                      "http://11.11.11.11:8888/dinp/dinp-agent-2.0.0.tar.gz.md5"});
}

TEST_CASE("the envelope of deployed servers is understood") {
    const Desired desired =
        parse_answer(R"({"errorMessage":"","desiredAgents":[)" + entry_json() + "]}");
    CHECK(desired.entries.size() == 1);
    CHECK(desired.errors.empty());
}

TEST_CASE("an envelope may leave out its error message and have null for an empty list") {
    CHECK(parse_answer(R"({"desiredAgents":[]})").entries.empty());
    CHECK(parse_answer(R"({"errorMessage":null,"desiredAgents":null})").entries.empty());
    CHECK(parse_answer(R"({"errorMessage":null,"desiredAgents":[)" + entry_json() + "]}")
              .entries.size() == 1);
}

TEST_CASE("an envelope's error message makes the answer unusable and is shown on one line") {
    CHECK(answer_fault(R"({"errorMessage":"no such\nhost","desiredAgents":[]})") ==
          "ops-meta answers with an error: no such host");
    CHECK(answer_fault(R"({"errorMessage":"x"})") == "ops-meta answers with an error: x");
    CHECK(answer_fault(R"({"errorMessage":" ","desiredAgents":[]})") != "");
    CHECK(answer_fault(R"({"errorMessage":7,"desiredAgents":[]})") ==
          "the answer's errorMessage is no string");
}

TEST_CASE("an envelope without a list is unusable") {
    CHECK(answer_fault("{}") == "the answer has no desiredAgents");
    CHECK(answer_fault(R"({"errorMessage":""})") == "the answer has no desiredAgents");
    for (const char* list : {"{}", "7", "\"\"", "false"}) {
        CAPTURE(std::string(list));
        CHECK(answer_fault(std::string(R"({"desiredAgents":)") + list + "}") ==
              "the answer's desiredAgents is no list");
    }
}

TEST_CASE("an answer that is no list and no envelope is unusable") {
    for (const char* answer : {"null", "7", "\"x\"", "true"}) {
        CAPTURE(std::string(answer));
        CHECK(answer_fault(answer) == "the answer is neither a list nor an envelope");
    }
    CHECK(answer_fault("") == "the answer is empty");
    CHECK(answer_fault(" \n") == "the answer is empty");
    CHECK(answer_fault("<html>502</html>").starts_with("the answer is no JSON: "));
    CHECK(answer_fault("[" + entry_json()) != "");
    CHECK(answer_fault("[] x") != "");
    CHECK(answer_fault("[]]") != "");
    CHECK(answer_fault(std::string("[]\0", 3)) == "the answer has NUL bytes in it");
    CHECK(answer_fault("[\"\xff\"]") != "");
    CHECK(answer_fault(R"(["\ud800"])") != "");
    CHECK(answer_fault("[1e999]") != "");
}

TEST_CASE("an empty list is a good answer") {
    CHECK(parse_answer("[]").entries.empty());
    CHECK(parse_answer(" [ ]\n").errors.empty());
}

TEST_CASE("an answer of 4 MiB is read, one byte more is not") {
    const std::string good = "[" + entry_json() + "]";
    const std::string filled = good + std::string(max_answer_bytes - good.size(), ' ');
    CHECK(parse_answer(filled).entries.size() == 1);
    CHECK(answer_fault(filled + " ") == "the answer is larger than 4.0 MiB");
}

TEST_CASE("32 levels are read, deeper ones are refused") {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    CHECK(parse_answer(nested(32)).errors.size() == 1);
    CHECK(answer_fault(nested(33)) == "the answer is nested deeper than 32");
    CHECK(answer_fault(std::string(max_answer_bytes, '[')) ==
          "the answer is nested deeper than 32");
    std::string objects;
    for (int i = 0; i < 40; ++i)
        objects += R"({"a":)";
    CHECK(answer_fault(objects) == "the answer is nested deeper than 32");
}

TEST_CASE("brackets within strings are no nesting") {
    const std::string brackets(100, '[');
    CHECK(only_entry(entry_json(R"("note":"\")" + brackets + R"(\\")")).name == "falcon-agent");
}

TEST_CASE("unknown fields are ignored, whatever they hold") {
    CHECK(only_entry(entry_json(R"("x":[1,{"y":null}],"":"z","Name":"other")")) ==
          only_entry(entry_json()));
}

TEST_CASE("slashes at a prefix's end are dropped") {
    const Entry entry =
        only_entry(entry_json(R"("tarball":"http://h/falcon/","md5":"https://m//")"));
    CHECK(entry.tarball_url == "http://h/falcon/falcon-agent-1.0.1.tar.gz");
    CHECK(entry.digest.url == "https://m/falcon-agent-1.0.1.tar.gz.md5");
}

TEST_CASE("an md5 that is empty, null or missing is asked for beside the tarball") {
    const std::string expected = "http://h:8888/falcon/falcon-agent-1.0.1.tar.gz.md5";
    CHECK(only_entry(entry_json(R"("md5":"")")).digest.url == expected);
    CHECK(only_entry(entry_json(R"("md5":null)")).digest.url == expected);
    const Entry missing = only_entry(
        R"({"name":"falcon-agent","version":"1.0.1","tarball":"http://h:8888/falcon","cmd":"stop"})");
    CHECK(missing.digest.url == expected);
}

TEST_CASE("an inline md5 needs no request, and is published") {
    const Entry entry = only_entry(entry_json(R"("md5":"D41D8CD98F00B204E9800998ECF8427E")"));
    CHECK(entry.digest == DigestSource{DigestKind::md5, hex32, ""});
    CHECK(entry.published == Digests{hex32, ""});
}

TEST_CASE("a sha256 that is given is what is checked") {
    const Entry prefix = only_entry(entry_json(R"("sha256":"https://s/")"));
    CHECK(prefix.digest ==
          DigestSource{DigestKind::sha256, "", "https://s/falcon-agent-1.0.1.tar.gz.sha256"});
    CHECK(prefix.published.empty());
    const Entry inlined =
        only_entry(entry_json(R"("sha256":")" + hex64 + R"(","md5":")" + hex32 + "\""));
    CHECK(inlined.digest == DigestSource{DigestKind::sha256, hex64, ""});
    CHECK(inlined.published == Digests{hex32, hex64});
}

TEST_CASE("a sha256 that is empty or null is not given") {
    CHECK(only_entry(entry_json(R"("sha256":"")")).digest.kind == DigestKind::md5);
    CHECK(only_entry(entry_json(R"("sha256":null)")).digest.kind == DigestKind::md5);
}

TEST_CASE("a digest field that is neither URL nor digest is an error") {
    CHECK(only_error(entry_json(R"("md5":"abc")")).message ==
          "falcon-agent: md5 is neither an http(s) URL nor 32 hex digits: \"abc\"");
    CHECK(only_error(entry_json(R"("md5":"ftp://m/")")).message ==
          "falcon-agent: md5 is no http or https URL: \"ftp://m/\"");
    CHECK(only_error(entry_json(R"("md5":")" + hex64 + "\"")).agent == "falcon-agent");
    CHECK(only_error(entry_json(R"("sha256":")" + hex32 + "\"")).agent == "falcon-agent");
    CHECK(only_error(entry_json(R"("sha256":"http://")")).agent == "falcon-agent");
    // A wrong md5 breaks a rule even where a sha256 is what counts.
    CHECK(only_error(entry_json(R"("md5":"abc","sha256":")" + hex64 + "\"")).agent ==
          "falcon-agent");
}

TEST_CASE("a tarball must be an http or https URL") {
    CHECK(only_error(entry_json(R"("tarball":"")")).message == "falcon-agent: tarball is missing");
    CHECK(only_error(entry_json(R"("tarball":null)")).message ==
          "falcon-agent: tarball is missing");
    CHECK(only_error(entry_json(R"("tarball":"file:///etc")")).message ==
          "falcon-agent: tarball is no http or https URL: \"file:///etc\"");
    CHECK(only_error(entry_json(R"("tarball":"http://h/a b")")).agent == "falcon-agent");
    CHECK(only_error(entry_json(R"("tarball":"http://h/#x")")).agent == "falcon-agent");
}

TEST_CASE("an error never shows a URL's password") {
    const EntryError error = only_error(entry_json(R"("tarball":"http://joe:secret@h:0/")"));
    CHECK(error.message.find("secret") == std::string::npos);
    CHECK(only_error(entry_json(R"("md5":"joe:secret@h/x")")).message.find("secret") ==
          std::string::npos);
}

TEST_CASE("an entry without a command is reported, not touched, and no error") {
    CHECK(only_entry(R"({"name":"a"})").cmd == Cmd::none);
    CHECK(only_entry(R"({"name":"a","cmd":null,"version":null})").cmd == Cmd::none);
    CHECK(only_entry(R"({"name":"a","cmd":"","tarball":"ftp://x","md5":"junk"})").cmd == Cmd::none);
    CHECK(only_entry(R"({"name":"a","version":"2"})").version == "2");
}

TEST_CASE("an entry without a command still needs sound types and a sound version") {
    CHECK(only_error(R"({"name":"a","version":"../x"})").agent == "a");
    CHECK(only_error(R"({"name":"a","version":1})").message == "a: version is no string");
    CHECK(only_error(R"({"name":"a","tarball":[]})").message == "a: tarball is no string");
    CHECK(only_error(R"({"cmd":""})").message == "entry 1: the name is empty");
}

TEST_CASE("another command than start and stop is an error") {
    CHECK(only_error(entry_json(R"("cmd":"restart")")).message ==
          "falcon-agent: cmd is \"restart\", not start or stop");
    CHECK(only_error(entry_json(R"("cmd":"START")")).agent == "falcon-agent");
    CHECK(only_error(entry_json(R"("cmd":" start")")).agent == "falcon-agent");
}

TEST_CASE("a wrong type in any field is an error of that entry") {
    for (const char* key : {"version", "tarball", "md5", "sha256", "cmd"}) {
        for (const char* value : {"7", "1.5", "true", "[]", "{}", "[\"x\"]"}) {
            CAPTURE(std::string(key));
            CAPTURE(std::string(value));
            const EntryError error =
                only_error(entry_json("\"" + std::string(key) + "\":" + value));
            CHECK(error.agent == "falcon-agent");
            CHECK(error.message == "falcon-agent: " + std::string(key) + " is no string");
        }
    }
    CHECK(only_error(entry_json(R"("name":7)")) == EntryError{"", "entry 1: name is no string"});
}

TEST_CASE("an entry that is no object is an error of that entry") {
    for (const char* object : {"null", "7", "[]", "\"falcon-agent\""}) {
        CAPTURE(std::string(object));
        CHECK(only_error(object) == EntryError{"", "entry 1: is no object"});
    }
}

TEST_CASE("names and versions that would leave the ops dir are errors") {
    for (const char* bad : {"../x", "a/b", ".", "", "-x", "a\\u0000b", "a\\nb", "\\u00e9"}) {
        CAPTURE(std::string(bad));
        CHECK(only_error(entry_json(R"("name":")" + std::string(bad) + "\"")).agent == "");
        CHECK(only_error(entry_json(R"("version":")" + std::string(bad) + "\"")).agent ==
              "falcon-agent");
    }
    CHECK(only_error(entry_json(R"("name":"ops-updater")")).message ==
          "entry 1: the name \"ops-updater\" is the updater's own");
    const std::string version(190, '1');
    CHECK(only_error(entry_json(R"("version":")" + version + "\"")).agent == "falcon-agent");
}

TEST_CASE("one bad entry stops no other") {
    const Desired desired =
        parse_answer(R"([{"name":"a","cmd":"dance"},)" + entry_json() + R"(,7,{"name":"b"}])");
    REQUIRE(desired.entries.size() == 2);
    CHECK(desired.entries[0].name == "falcon-agent");
    CHECK(desired.entries[1].name == "b");
    REQUIRE(desired.errors.size() == 2);
    CHECK(desired.errors[0].agent == "a");
    CHECK(desired.errors[1].message == "entry 3: is no object");
}

TEST_CASE("an agent that is named twice is not touched, and is one error") {
    const Desired desired = parse_answer("[" + entry_json() + R"(,{"name":"b"},)" +
                                         entry_json(R"("cmd":"stop")") + "]");
    REQUIRE(desired.entries.size() == 1);
    CHECK(desired.entries[0].name == "b");
    REQUIRE(desired.errors.size() == 1);
    CHECK(desired.errors[0] == EntryError{"falcon-agent", "falcon-agent: named 2 times"});
}

TEST_CASE("a broken entry counts as one that names its agent") {
    const std::string broken = entry_json(R"("cmd":"dance")");
    for (const std::string& list :
         {entry_json() + "," + broken, broken + "," + entry_json(), broken + "," + broken}) {
        const Desired desired = parse_answer("[" + list + "]");
        CHECK(desired.entries.empty());
        REQUIRE(desired.errors.size() == 1);
        CHECK(desired.errors[0].message == "falcon-agent: named 2 times");
    }
}

TEST_CASE("hostile text in an entry reaches an error without control characters") {
    const EntryError error = only_error(entry_json(R"("cmd":"\u001b[2J\n\u009b\u202e")"));
    CHECK(error.message == one_line(error.message));
    CHECK(error.message == "falcon-agent: cmd is \"?[2J ??\", not start or stop");
    const std::string endless(100000, 'x');
    CHECK(only_error(entry_json(R"("tarball":")" + endless + "\"")).message.size() <= 500);
}

TEST_CASE("a broken server's thousands of bad entries are counted, not listed") {
    std::string list = entry_json();
    for (int i = 0; i < 5000; ++i)
        list += ",0";
    const Desired desired = parse_answer("[" + list + "]");
    CHECK(desired.entries.size() == 1);
    REQUIRE(desired.errors.size() == 1001);
    CHECK(desired.errors.back() == EntryError{"", "4000 more entries of the answer are wrong"});
}
