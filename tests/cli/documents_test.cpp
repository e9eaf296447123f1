// What is written for people names every option and key that there is, and the example parses.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <regex>

#include "cli.hpp"
#include "rules/config.hpp"

namespace {

std::string file(const std::string& path) {
    std::ifstream stream(path);
    REQUIRE_MESSAGE(stream.is_open(), "run me in the repository's root: " << path);
    return {std::istreambuf_iterator<char>(stream), {}};
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// The example with its keys in force: "#key: …" and "#  key: …" lose their "#".
std::string uncommented(const std::string& example) {
    const std::regex commented_key("(^|\n)#((  )?[a-z_]+:)");
    return std::regex_replace(example, commented_key, "$1$2");
}

/// What stands behind the key's last dot.
std::string last_part(const std::string& key) {
    return key.substr(key.find('.') + 1);
}

}  // namespace

TEST_CASE("the example configuration changes nothing as it is") {
    CHECK_NOTHROW(ops::parse_config(file("examples/ops-updater.yaml"), "example"));
}

TEST_CASE("the example configuration names every key at its default") {
    const std::string text = uncommented(file("examples/ops-updater.yaml"));
    for (const std::string& key : ops::config_keys()) {
        CAPTURE(key);
        const bool nested = contains(key, ".");
        CHECK(contains(text, (nested ? "" : "\n") + last_part(key) + ": "));
    }
    const ops::Config example = ops::parse_config(text, "example");
    const ops::Config defaults;
    CHECK(example.server == "meta.example.com:2200");
    CHECK(example.protocol == defaults.protocol);
    CHECK(example.interval == defaults.interval);
    CHECK(example.splay == ops::effective_splay(defaults));
    CHECK(example.keep_versions == defaults.keep_versions);
    CHECK(example.timeouts.connect == defaults.timeouts.connect);
    CHECK(example.timeouts.report == defaults.timeouts.report);
    CHECK(example.timeouts.download == defaults.timeouts.download);
    CHECK(example.timeouts.stall == defaults.timeouts.stall);
    CHECK(example.timeouts.status == defaults.timeouts.status);
    CHECK(example.timeouts.start == defaults.timeouts.start);
    CHECK(example.timeouts.stop == defaults.timeouts.stop);
    CHECK(example.download.jobs == defaults.download.jobs);
    CHECK(example.download.retries == defaults.download.retries);
    CHECK(example.download.max_rate == defaults.download.max_rate);
    CHECK(example.download.max_size == defaults.download.max_size);
    CHECK(example.download.max_unpacked == defaults.download.max_unpacked);
    CHECK(example.rollback.retry_after == defaults.rollback.retry_after);
    CHECK(example.rollback.probation == defaults.rollback.probation);
    CHECK(example.rollback.max_restarts == defaults.rollback.max_restarts);
    // Where there is no default an example is shown.
    CHECK(example.tls.ca_file.starts_with("/"));
    CHECK(example.metrics_file.ends_with(".prom"));
}

TEST_CASE("the man page has every option and every key") {
    const std::string page = file("src/man/ops-updater.8");
    for (const std::string& option : ops::option_names()) {
        CAPTURE(option);
        CHECK(contains(page, ".It Fl Fl " + option.substr(2)));
    }
    for (const std::string& key : ops::config_keys()) {
        CAPTURE(key);
        CHECK(contains(page, ".It Ic " + key));
    }
}

TEST_CASE("the completion has every option") {
    const std::string script = file("src/completion/ops-updater.bash");
    for (const std::string& option : ops::option_names()) {
        CAPTURE(option);
        CHECK(contains(script, option));
    }
}
