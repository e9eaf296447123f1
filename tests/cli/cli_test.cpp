#include "cli.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "rules/error.hpp"

using namespace std::chrono_literals;
using Words = std::vector<const char*>;

namespace {

std::variant<ops::CommandLine, ops::PrintAndExit> read(Words words) {
    words.insert(words.begin(), "./ops-updater");
    return ops::parse_command_line(static_cast<int>(words.size()), words.data());
}

ops::CommandLine parse(const Words& words) {
    return std::get<ops::CommandLine>(read(words));
}

std::string printed(const Words& words) {
    return std::get<ops::PrintAndExit>(read(words)).text;
}

/// What is said of a command line that is refused; fails the test where it is not.
std::string refusal(const Words& words) {
    try {
        read(words);
    } catch (const ops::Error& error) {
        CHECK(error.code() == ops::ExitCode::usage);
        CHECK(std::string(error.what()).find('\n') == std::string::npos);
        return error.what();
    }
    std::string given;
    for (const char* word : words) {
        given += std::string(" ") + word;
    }
    FAIL("accepted:" << given);
    return "";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("no arguments are a pass with everything left to the configuration") {
    for (const ops::CommandLine& line :
         {parse({}), std::get<ops::CommandLine>(ops::parse_command_line(0, nullptr))}) {
        CHECK_FALSE(line.once);
        CHECK_FALSE(line.dry_run);
        CHECK_FALSE(line.status);
        CHECK_FALSE(line.retry);
        CHECK(line.agents.empty());
        CHECK_FALSE(line.server.has_value());
        CHECK_FALSE(line.debug.has_value());
        CHECK(line.format == ops::Format::text);
    }
}

TEST_CASE("the seed document's own command line is understood") {
    const auto line = parse({"--interval=300", "--debug=false", "--server=127.0.0.1:2200"});
    CHECK(line.interval == 300s);
    CHECK(line.debug == false);
    CHECK(line.server == "127.0.0.1:2200");
}

TEST_CASE("a value stands behind a sign or in the next word") {
    for (const auto& line :
         {parse({"--server",  "a:1", "--ops-dir",  "d",        "--config", "c", "--interval", "7",
                 "--splay",   "0",   "--hostname", "h",        "--agent",  "x", "--agent",    "y",
                 "--desired", "-",   "--dry-run",  "--format", "json"}),
          parse({"--server=a:1", "--ops-dir=d", "--config=c", "--interval=7", "--splay=0",
                 "--hostname=h", "--agent=x", "--agent=y", "--desired=-", "--dry-run",
                 "--format=json"})}) {
        CHECK(line.server == "a:1");
        CHECK(line.ops_dir == "d");
        CHECK(line.config_file == "c");
        CHECK(line.interval == 7s);
        CHECK(line.splay == 0s);
        CHECK(line.hostname == "h");
        CHECK(line.agents == std::vector<std::string>{"x", "y"});
        CHECK(line.desired_file == "-");
        CHECK(line.dry_run);
        CHECK(line.format == ops::Format::json);
    }
}

TEST_CASE("debug takes its value behind a sign only") {
    CHECK(parse({"--debug"}).debug == true);
    CHECK(parse({"--debug=true"}).debug == true);
    CHECK(parse({"--debug=false"}).debug == false);
    CHECK(parse({"--debug", "--once"}).once);
    CHECK(refusal({"--debug", "false"}) ==
          "unexpected argument \"false\"; did you mean --debug=false?");
    CHECK(refusal({"--debug=maybe"}) == "--debug: must be true or false, not \"maybe\"");
    CHECK(refusal({"--debug="}) == "option --debug needs a value");
}

TEST_CASE("an unset variable in a script does not make the next option a value") {
    CHECK(refusal({"--server=", "--dry-run"}) == "option --server needs a value");
    CHECK(refusal({"--server", "--dry-run"}) == "option --server needs a value");
    CHECK(refusal({"--server", "", "--dry-run"}) == "option --server needs a value");
    CHECK(refusal({"--dry-run", "--server"}) == "option --server needs a value");
    CHECK(refusal({"--agent=", "a"}) == "option --agent needs a value");
    CHECK(refusal({"", "--once"}) ==
          "unexpected argument \"\"; there are only options, --help lists them");
}

TEST_CASE("an option takes one value, as it stands") {
    CHECK(contains(refusal({"--agent", "[a,b]"}), "--agent: the name \"[a,b]\""));
    CHECK(contains(refusal({"--agent=a,b"}), "--agent: the name \"a,b\""));
    CHECK(contains(refusal({"--agent", "a", "b"}), "unexpected argument \"b\""));
    CHECK(contains(refusal({"--agent", "a", "--"}), "unexpected argument \"--\""));
    CHECK(refusal({"--debug={}"}) == "option --debug needs a value");
    CHECK(refusal({"--once=true"}) == "option --once takes no value");
    CHECK(parse({"--config", "[a,b]"}).config_file == "[a,b]");
    CHECK(parse({"--ops-dir={}"}).ops_dir == "{}");
    CHECK(parse({"--desired=--x=y"}).desired_file == "--x=y");
    for (const char* number : {"0x10", "010", "+5", "1e2", "5 "}) {
        CHECK(contains(refusal({"--interval", number}), "--interval: "));
    }
}

TEST_CASE("a mistyped option is refused with the nearest") {
    CHECK(refusal({"--intervall=300"}) == "unknown option --intervall; did you mean --interval?");
    CHECK(refusal({"--dryrun"}) == "unknown option --dryrun; did you mean --dry-run?");
    CHECK(refusal({"--ops_dir", "x"}) == "unknown option --ops_dir; did you mean --ops-dir?");
    CHECK(refusal({"-hostname=a"}) == "unknown option -hostname; did you mean --hostname?");
    CHECK(refusal({"-server=a"}) == "unknown option -server; did you mean --server?");
    CHECK(refusal({"--conf=x"}) == "unknown option --conf; did you mean --config?");
    CHECK(refusal({"--frobnicate"}) == "unknown option --frobnicate; --help lists all");
    CHECK(refusal({"--s"}) == "unknown option --s; --help lists all");
    CHECK(refusal({"-x"}) == "unknown option -x; --help lists all");
}

TEST_CASE("an unknown option's value is not repeated") {
    CHECK_FALSE(contains(refusal({"--sever=http://u:secret@h"}), "secret"));
    CHECK_FALSE(contains(refusal({"--server=ftp://u:secret@h"}), "secret"));
}

TEST_CASE("positional arguments are refused") {
    for (const char* word : {"start", "-", "--", "300"}) {
        CHECK(contains(refusal({word}), "unexpected argument \"" + std::string(word) + "\""));
    }
}

TEST_CASE("an option that is given twice is refused, except --agent") {
    CHECK(refusal({"--server=a", "--server=a"}) == "option --server is given twice");
    CHECK(refusal({"--once", "--once"}) == "option --once is given twice");
    CHECK(refusal({"--debug", "--debug=false"}) == "option --debug is given twice");
    CHECK(parse({"--agent=a", "--agent=b"}).agents.size() == 2);
}

TEST_CASE("values are checked") {
    CHECK(refusal({"--interval=0"}) == "--interval: \"0\" is out of range: 1 to 86400");
    CHECK(refusal({"--interval", "-5"}) == "--interval: \"-5\" is no whole number");
    refusal({"--interval=86401"});
    refusal({"--interval=5m"});
    refusal({"--splay=86401"});
    CHECK(contains(refusal({"--server=ftp://x"}), "--server: "));
    CHECK(contains(refusal({"--server=a b"}), "--server: "));
    CHECK(contains(refusal({"--hostname=a\r\nX: y"}), "--hostname: "));
    CHECK(contains(refusal({"--agent=../etc"}), "--agent: the name \"../etc\""));
    CHECK(contains(refusal({"--agent=[a]"}), "--agent: "));
    CHECK(refusal({"--status", "--format=xml"}) == "--format: must be text or json, not \"xml\"");
    CHECK(refusal({"--once=yes"}) == "option --once takes no value");
    CHECK(refusal({"--help=x"}) == "option --help takes no value");
}

TEST_CASE("a refusal shows no control characters") {
    CHECK(refusal({"--a\x1b[31mb"}) == "unknown option --a?[31mb; --help lists all");
    CHECK(contains(refusal({"\x1b[2J"}), "\"?[2J\""));
}

TEST_CASE("contradictions are refused, redundancies are not") {
    CHECK(refusal({"--status", "--dry-run"}) ==
          "--status only looks; it does not go with --dry-run");
    refusal({"--once", "--status"});
    refusal({"--retry", "--status"});
    refusal({"--desired=x", "--status"});
    CHECK(contains(refusal({"--format=json"}), "--format json is for --dry-run and --status"));
    refusal({"--format=json", "--once"});
    CHECK_NOTHROW(parse({"--status", "--server=a", "--interval=300", "--agent=a", "--debug"}));
    CHECK_NOTHROW(parse({"--once", "--splay=10", "--desired=x", "--server=a", "--retry"}));
    CHECK_NOTHROW(parse({"--dry-run", "--once", "--retry", "--desired=-"}));
    CHECK_NOTHROW(parse({"--format=text"}));
}

TEST_CASE("help and version end the reading") {
    CHECK(printed({"--version"}) == "ops-updater " OPS_UPDATER_VERSION "\n");
    CHECK(printed({"--help"}) == printed({"-h"}));
    CHECK(contains(printed({"--server=a", "--status", "--dry-run", "--help"}), "Usage: "));
    CHECK(contains(printed({"--help", "--interval=x", "--server"}), "Usage: "));
}

TEST_CASE("the help text names every option and exit code in at most 80 columns") {
    const std::string help = printed({"--help"});
    for (const std::string& name : ops::option_names()) {
        CAPTURE(name);
        CHECK((contains(help, "\n  " + name) || contains(help, "\n  -h, " + name)));
    }
    for (const char* code : {"\n    0  ", "\n    1  ", "\n   64  ", "\n   69  ", "\n   75  ",
                             "\n   78  ", "\n  128+N  "}) {
        CAPTURE(code);
        CHECK(contains(help, code));
    }
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) {
        CAPTURE(line);
        CHECK(line.size() <= 80);
        CHECK((line.empty() || line.back() != ' '));
    }
}

TEST_CASE("the command line wins over the file, and leaves what it does not name") {
    ops::Config config = ops::parse_config(
        "server: f:1\ninterval: 60\nsplay: 5\nhostname: file\nops_dir: /f\nagents: [a]\n", "f");
    ops::apply(parse({}), config);
    CHECK(config.server == "f:1");
    CHECK(config.interval == 60s);
    CHECK(config.splay == 5s);
    CHECK(config.hostname == "file");
    CHECK(config.ops_dir == "/f");
    CHECK(config.agents == std::vector<std::string>{"a"});
    CHECK_FALSE(config.debug);
    ops::apply(parse({"--server=l:1", "--interval=90", "--splay=0", "--hostname=line",
                      "--ops-dir=l", "--agent=b", "--agent=c", "--debug"}),
               config);
    CHECK(config.server == "l:1");
    CHECK(config.interval == 90s);
    CHECK(config.splay == 0s);
    CHECK(config.hostname == "line");
    CHECK(config.ops_dir == "l");
    CHECK(config.agents == std::vector<std::string>{"b", "c"});
    CHECK(config.debug);
}
