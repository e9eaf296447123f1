#include "rules/config.hpp"

#include <doctest/doctest.h>

#include "rules/error.hpp"

using namespace std::chrono_literals;
using ops::parse_config;

namespace {

ops::Config parse(const std::string& text) {
    return parse_config(text, "x.yaml");
}

/// What is said of a configuration that is refused; fails the test where it is not.
std::string refusal(const std::string& text) {
    try {
        parse(text);
    } catch (const ops::Error& error) {
        CHECK(error.code() == ops::ExitCode::config);
        return error.what();
    }
    FAIL("accepted: " << text);
    return "";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

constexpr const char* whole_example = R"(
server: meta.example.com:2200
protocol: heartbeat              # list | heartbeat
hostname: web-01
ops_dir: /home/work/ops
interval: 600
splay: 240
agents: [falcon-agent]      # like --agent
hold: [dinp-agent]
keep_versions: 4            # the current one included; the previous one always stays
timeouts: {connect: 11, report: 31, download: 901, stall: 32, status: 12, start: 61, stop: 62}
download: {jobs: 5, retries: 6, max_rate: 1M, max_size: 3G, max_unpacked: 9G}
rollback: {retry_after: 601, probation: 3601, max_restarts: 7}
tls: {ca_file: /a, cert_file: /b, key_file: /c}
token_file: /etc/ops-updater.token      # bearer token, sent to ops-meta and nowhere else
netrc_file: /etc/ops-updater.netrc      # basic auth per host
proxy: http://proxy:3128                # beside the usual http_proxy, https_proxy, no_proxy
verify: {minisign_key: /etc/ops-updater.pub}
metrics_file: /var/lib/node_exporter/textfile/ops_updater.prom
)";

}  // namespace

TEST_CASE("an empty configuration is all defaults") {
    for (const char* text : {"", "\n", "# nothing but a comment\n", "---\n", "---\n...\n", "{}"}) {
        CAPTURE(text);
        const ops::Config config = parse(text);
        CHECK(config.server.empty());
        CHECK(config.protocol == ops::Protocol::list);
        CHECK(config.interval == 300s);
        CHECK_FALSE(config.splay.has_value());
        CHECK(config.keep_versions == 3);
        CHECK(config.timeouts.download == 900s);
        CHECK(config.download.max_size == 2ULL << 30U);
        CHECK(config.rollback.max_restarts == 3);
    }
}

TEST_CASE("every key of the configuration arrives where it belongs") {
    const ops::Config config = parse(whole_example);
    CHECK(config.server == "meta.example.com:2200");
    CHECK(config.protocol == ops::Protocol::heartbeat);
    CHECK(config.hostname == "web-01");
    CHECK(config.ops_dir == "/home/work/ops");
    CHECK(config.interval == 600s);
    CHECK(config.splay == 240s);
    CHECK(config.agents == std::vector<std::string>{"falcon-agent"});
    CHECK(config.hold == std::map<std::string, std::string>{{"dinp-agent", ""}});
    CHECK(config.keep_versions == 4);
    CHECK(config.timeouts.connect == 11s);
    CHECK(config.timeouts.report == 31s);
    CHECK(config.timeouts.download == 901s);
    CHECK(config.timeouts.stall == 32s);
    CHECK(config.timeouts.status == 12s);
    CHECK(config.timeouts.start == 61s);
    CHECK(config.timeouts.stop == 62s);
    CHECK(config.download.jobs == 5);
    CHECK(config.download.retries == 6);
    CHECK(config.download.max_rate == 1U << 20U);
    CHECK(config.download.max_size == 3ULL << 30U);
    CHECK(config.download.max_unpacked == 9ULL << 30U);
    CHECK(config.rollback.retry_after == 601s);
    CHECK(config.rollback.probation == 3601s);
    CHECK(config.rollback.max_restarts == 7);
    CHECK(config.tls.ca_file == "/a");
    CHECK(config.tls.cert_file == "/b");
    CHECK(config.tls.key_file == "/c");
    CHECK(config.token_file == "/etc/ops-updater.token");
    CHECK(config.netrc_file == "/etc/ops-updater.netrc");
    CHECK(config.proxy == "http://proxy:3128");
    CHECK(config.minisign_key == "/etc/ops-updater.pub");
    CHECK(config.metrics_file == "/var/lib/node_exporter/textfile/ops_updater.prom");
}

TEST_CASE("a key without a value is not set") {
    const ops::Config config = parse(
        "server:\nprotocol: ~\nhostname: null\nops_dir:\ninterval:\nsplay:\nagents:\nhold:\n"
        "keep_versions:\ntimeouts: {connect: , stop: }\ndownload:\nrollback: {probation: }\n"
        "tls: {ca_file: , cert_file: , key_file: }\ntoken_file:\nnetrc_file:\nproxy: \"\"\n"
        "verify: {minisign_key: }\nmetrics_file:\n");
    CHECK(config.server.empty());
    CHECK(config.interval == 300s);
    CHECK_FALSE(config.splay.has_value());
    CHECK(config.timeouts.connect == 10s);
    CHECK(config.tls.ca_file.empty());
    CHECK(config.proxy.empty());
}

TEST_CASE("an unknown key is refused with file, line and the key that was probably meant") {
    CHECK(refusal("server: a:1\nkeep_version: 3\n") ==
          "x.yaml:2: keep_version: unknown key; did you mean \"keep_versions\"?");
    CHECK(refusal("timeouts:\n  conect: 3\n") ==
          "x.yaml:2: timeouts.conect: unknown key; did you mean \"connect\"?");
    CHECK(refusal("jobs: 3\n") == "x.yaml:1: jobs: unknown key; did you mean \"download.jobs\"?");
    CHECK(refusal("colour: red\n") == "x.yaml:1: colour: unknown key");
    CHECK(refusal("debug: true\n") == "x.yaml:1: debug: unknown key");
}

TEST_CASE("an unknown key shows no control characters") {
    CHECK(refusal("\"a\\e[31mb\": 1\n") == "x.yaml:1: a?[31mb: unknown key");
}

TEST_CASE("a wrong type is refused with the key's path") {
    CHECK(refusal("server: [a]\n") == "x.yaml:1: server: must be a single value, not a list");
    CHECK(refusal("\ntimeouts: 5\n") ==
          "x.yaml:2: timeouts: must be a map of keys and values, not a single value");
    CHECK(refusal("interval: soon\n") == "x.yaml:1: interval: \"soon\" is no whole number");
    CHECK(refusal("interval: \"300\"\n") ==
          "x.yaml:1: interval: is text, not a number; write it without quotes");
    CHECK(refusal("download:\n  jobs: {a: b}\n") ==
          "x.yaml:2: download.jobs: must be a single value, not a map");
    CHECK(refusal("agents: falcon-agent\n") ==
          "x.yaml:1: agents: must be a list of agents, not a single value");
    CHECK(refusal("hold: falcon-agent\n") ==
          "x.yaml:1: hold: must be a list of agents, not a single value");
    CHECK(refusal("agents:\n  - a\n  - [b]\n") ==
          "x.yaml:3: agents[1]: must be a single value, not a list");
    CHECK(refusal("agents: [a, ]\nhold: [~]\n") ==
          "x.yaml:2: hold[0]: must be a single value, not nothing");
    CHECK(refusal("- server\n") == "x.yaml:1: must be a map of keys and values, not a list");
    CHECK(refusal("server\n") == "x.yaml:1: must be a map of keys and values, not a single value");
}

TEST_CASE("a number is a plain decimal one") {
    for (const char* number : {"0x1F", "0o17", "012", "1e2", "+5", "-5", "1_000", "5.0", "5s",
                               "99999999999999999999", "true", ".inf", "１"}) {
        CAPTURE(number);
        CHECK(contains(refusal("interval: " + std::string(number) + "\n"), "x.yaml:1: interval: "));
    }
}

TEST_CASE("a number out of range is refused with the range") {
    CHECK(refusal("interval: 0\n") == "x.yaml:1: interval: \"0\" is out of range: 1 to 86400");
    struct {
        const char* lead;
        const char* close;
        std::int64_t min;
        std::int64_t max;
    } const keys[] = {
        {"interval: ", "", 1, 86400},
        {"splay: ", "", 0, 86400},
        {"keep_versions: ", "", 1, 1000},
        {"timeouts: {connect: ", "}", 1, 86400},
        {"timeouts: {report: ", "}", 1, 86400},
        {"timeouts: {download: ", "}", 1, 86400},
        {"timeouts: {stall: ", "}", 1, 86400},
        {"timeouts: {status: ", "}", 1, 86400},
        {"timeouts: {start: ", "}", 1, 86400},
        {"timeouts: {stop: ", "}", 1, 86400},
        {"download: {jobs: ", "}", 1, 64},
        {"download: {retries: ", "}", 0, 20},
        {"rollback: {retry_after: ", "}", 1, 86400},
        {"rollback: {probation: ", "}", 0, 604800},
        {"rollback: {max_restarts: ", "}", 1, 1000},
    };
    for (const auto& key : keys) {
        CAPTURE(key.lead);
        const auto with = [&key](std::int64_t n) {
            return key.lead + std::to_string(n) + key.close;
        };
        CHECK_NOTHROW(parse(with(key.min)));
        CHECK_NOTHROW(parse(with(key.max)));
        refusal(with(key.min - 1));
        refusal(with(key.max + 1));
    }
}

TEST_CASE("a size takes K, M and G and must fit") {
    CHECK(parse("download: {max_size: 700}").download.max_size == 700);
    CHECK(parse("download: {max_size: 2k}").download.max_size == 2048);
    CHECK(parse("download: {max_size: \"3M\"}").download.max_size == 3U << 20U);
    CHECK(
        refusal("download: {max_size: 2T}") ==
        "x.yaml:1: download.max_size: \"2T\" is no size; write bytes, or a number with K, M or G");
    refusal("download: {max_size: 0}");
    refusal("download: {max_unpacked: 0}");
    refusal("download: {max_size: -1}");
    refusal("download: {max_size: 9223372036854775808}");
    refusal("download: {max_size: 8589934592G}");
    CHECK_NOTHROW(parse("download: {max_size: 9223372036854775807}"));
}

TEST_CASE("a key that is given twice is refused at its second place") {
    CHECK(refusal("server: a:1\nserver: b:1\n") == "x.yaml:2: server: given twice");
    CHECK(refusal("tls:\n  ca_file: /a\n  ca_file:\n") == "x.yaml:3: tls.ca_file: given twice");
    CHECK(refusal("hold:\n  a: x\n  a: y\n") == "x.yaml:3: hold: a is named twice");
}

TEST_CASE("only one document is read") {
    CHECK(refusal("interval: 5\n---\ninterval: 6\n") ==
          "x.yaml:2: a second document begins here; only one is read");
    CHECK_NOTHROW(parse("---\ninterval: 5\n...\n"));
}

TEST_CASE("what is no YAML is refused with its line") {
    CHECK(contains(refusal("server: a\n  protocol: list\n"), "x.yaml:2: not valid YAML: "));
    CHECK(contains(refusal("tls: {ca_file: /a\n"), "not valid YAML: "));
    CHECK(contains(refusal("server: \"a"), "not valid YAML: "));
    CHECK(contains(refusal("\tserver: a\n"), "not valid YAML: "));
}

TEST_CASE("nothing behind a control character is silently ignored") {
    CHECK(contains(refusal("server: a:1\n\x04\nunknown: x\n"), "x.yaml:2: a control character"));
    CHECK(contains(refusal(std::string("s\0e\0r\0", 6)), "x.yaml:1: a control character"));
}

TEST_CASE("deep nesting ends early, not the stack") {
    const std::string deep(200'000, '[');
    CHECK(contains(refusal(deep), "nested too deeply"));
    CHECK(contains(refusal("server: " + deep), "nested too deeply"));
    std::string maps;
    for (int i = 0; i < 20'000; ++i) {
        maps += "{a: ";
    }
    CHECK(contains(refusal(maps), "nested too deeply"));
    std::string blocks;
    for (int i = 0; i < 50'000; ++i) {
        blocks += "- ";
    }
    CHECK(contains(refusal(blocks), "nested too deeply"));
    std::string questions;
    for (int i = 0; i < 50'000; ++i) {
        questions += "? ";
    }
    refusal(questions);
}

TEST_CASE("a file too large to be a configuration is not parsed") {
    CHECK(refusal(std::string(256 * 1024 + 1, '#')) ==
          "x.yaml: larger than 256.0 KiB; this is no configuration");
    CHECK_NOTHROW(parse(std::string(256 * 1024, '#')));
}

TEST_CASE("aliases work but cannot blow up") {
    CHECK(parse("token_file: &f /a\nnetrc_file: *f\n").netrc_file == "/a");
    CHECK(parse("agents: &all [a, b]\nhold: *all\n").hold.size() == 2);
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 30; ++i) {
        const std::string last = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
        for (int j = 0; j < 9; ++j) {
            bomb += ", " + last;
        }
        bomb += "]\n";
    }
    CHECK(contains(refusal(bomb), "too many values"));
    std::string long_text = "server: &a " + std::string(200'000, 'x') + "\nagents:\n";
    for (int i = 0; i < 9'000; ++i) {
        long_text += "- *a\n";
    }
    CHECK(contains(refusal(long_text), "too many values"));
    CHECK(contains(refusal("agents: &a [*a]\n"), "an alias inside of itself"));
    CHECK(contains(refusal("agents: *a\n"), "not valid YAML"));
}

TEST_CASE("agents are named by valid names, and an empty list is no way to say none") {
    CHECK(parse("agents: [a, 1.2, b+c~d]").agents == std::vector<std::string>{"a", "1.2", "b+c~d"});
    CHECK(contains(refusal("agents:\n  - ../etc\n"), "x.yaml:2: agents[0]: the name \"../etc\""));
    CHECK(contains(refusal("agents: [ops-updater]"), "the updater's own"));
    CHECK(contains(refusal("agents: []"), "leave the key out"));
}

TEST_CASE("hold takes names alone or names with reasons") {
    using Hold = std::map<std::string, std::string>;
    CHECK(parse("hold: [a, b, a]").hold == Hold{{"a", ""}, {"b", ""}});
    CHECK(parse("hold: []").hold.empty());
    CHECK(parse("hold: {a: , b: \"is mended by hand\\n\\e[31m\"}").hold ==
          Hold{{"a", ""}, {"b", "is mended by hand ?[31m"}});
    CHECK(contains(refusal("hold:\n  a/b: x\n"), "x.yaml:2: hold: the name \"a/b\""));
    CHECK(refusal("hold:\n  a: [x]\n") ==
          "x.yaml:2: hold.a: must be a reason in one line, not a list");
}

TEST_CASE("a server must be an address that can be reported to") {
    CHECK(parse("server: https://meta:2200/beat").server == "https://meta:2200/beat");
    CHECK(contains(refusal("server: ftp://meta/\n"), "x.yaml:1: server: "));
    CHECK(contains(refusal("server: a b\n"), "x.yaml:1: server: "));
}

TEST_CASE("a hostname must fit into a header") {
    CHECK(parse("hostname: web_01.example.com").hostname == "web_01.example.com");
    refusal("hostname: \"a\\r\\nX-Evil: 1\"");
    refusal("hostname: a b");
    refusal("hostname: größe");
    refusal("hostname: " + std::string(254, 'a'));
}

TEST_CASE("paths are absolute") {
    for (const char* lead : {"ops_dir: ", "token_file: ", "netrc_file: ", "metrics_file: ",
                             "tls: {ca_file: ", "tls: {key_file: /k, cert_file: ",
                             "tls: {cert_file: /c, key_file: ", "verify: {minisign_key: "}) {
        CAPTURE(lead);
        const std::string close = std::string(lead).find('{') == std::string::npos ? "" : "}";
        CHECK_NOTHROW(parse(lead + ("/a b" + close)));
        CHECK(contains(refusal(lead + ("a/b" + close)), "\"a/b\" is no absolute path"));
        CHECK(contains(refusal(lead + ("\"/a\\0b\"" + close)), "control character"));
    }
}

TEST_CASE("a proxy is a host and port or an http(s) URL, and its password is not repeated") {
    CHECK(parse("proxy: proxy:3128").proxy == "proxy:3128");
    CHECK(parse("proxy: https://u:p@proxy:3128").proxy == "https://u:p@proxy:3128");
    CHECK(contains(refusal("proxy: socks5://proxy:1080"), "x.yaml:1: proxy: "));
    CHECK_FALSE(contains(refusal("proxy: socks5://u:secret@proxy:1080"), "secret"));
    CHECK_FALSE(contains(refusal("proxy: \"http://u:secret@ proxy\""), "secret"));
}

TEST_CASE("an unknown protocol is refused with those that there are") {
    CHECK(refusal("protocol: json\n") ==
          "x.yaml:1: protocol: \"json\" is no protocol; there are list and heartbeat");
    refusal("protocol: List\n");
}

TEST_CASE("a max_rate that would count as stalled is refused") {
    const std::string text = refusal("download:\n  jobs: 8\n  max_rate: 8191\n");
    CHECK(contains(text, "x.yaml:3: download.max_rate: "));
    CHECK(contains(text, "at least 8K"));
    CHECK_NOTHROW(parse("download: {jobs: 8, max_rate: 8K}"));
    CHECK_NOTHROW(parse("download: {jobs: 64, max_rate: 0}"));
    ops::Config config;
    config.download.max_rate = 1000;
    CHECK_THROWS_AS(ops::check_config(config), ops::Error);
    CHECK_NOTHROW(ops::check_config(ops::Config{}));
}

TEST_CASE("a client certificate and its key come together") {
    CHECK(refusal("tls: {cert_file: /c}") ==
          "x.yaml:1: tls.cert_file: needs tls.key_file beside it");
    CHECK(refusal("tls:\n  key_file: /k\n") ==
          "x.yaml:2: tls.key_file: needs tls.cert_file beside it");
}

TEST_CASE("the splay is 80 % of the interval unless it was set") {
    CHECK(ops::effective_splay(parse("")) == 240s);
    CHECK(ops::effective_splay(parse("interval: 60")) == 48s);
    CHECK(ops::effective_splay(parse("interval: 1")) == 0s);
    CHECK(ops::effective_splay(parse("interval: 60\nsplay: 0")) == 0s);
    CHECK(ops::effective_splay(parse("splay: 7")) == 7s);
}
