// The words that the planner's tests are told in: a situation as text, a plan as text.
//
//   plan_of(given("1 started; 2 tarball", "start 2")) does "unpack 2, stop 1, switch 2, start 2"
//
// The agent is "a". What is seen of it, in parts with semicolons between:
//   "none"          no version at all
//   "1 started"     .version names 1, which is complete, and this is its status
//   "1 found"       nothing usable in .version; 1 was asked and is started
//   "1 lost"        .version names 1, but there is no control in it
//   "2 complete"    beside it a version dir that may be started
//   "2 tarball"     … one with a tarball and nothing else, "2 torn": with a tarball and control
//   "2 part"        … one with an unfinished download, "2 empty": with nothing
//   "relic"         C's own dir has a tarball beside its control, "md5": only the tarball's digest
//   "aside complete|tarball|part|empty"   what lies aside of C, "2 aside": something of 2's
#pragma once

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "rules/plan.hpp"
#include "rules/plan_parts.hpp"

namespace cases {

inline constexpr std::int64_t now = 1'800'000'000;
inline constexpr std::int64_t minute = 60;
inline constexpr std::int64_t hour = 60 * minute;
inline constexpr std::int64_t day = 24 * hour;

/// Everything that the planner looks at, for one agent.
struct Given {
    ops::Observed seen;
    ops::Entry entry;
    ops::AgentMemory memory;
    ops::Digests published;
    ops::PlanRules rules;
};

/// A line of a table: a situation, what the answer wants, what will be done.
struct Row {
    std::string seen;
    std::string wanted;
    std::string steps;
};
using Table = std::vector<Row>;

/// Two builds of one version, as inline digests tell them apart.
inline const ops::Digests build_a{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ""};
inline const ops::Digests build_b{"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", ""};
inline const ops::Digests no_build;

/// The tree of version 1 has inode 100, that of version 2 inode 200 …
inline std::uint64_t inode_of(const std::string& version) {
    return 100 * std::stoull(version);
}

namespace detail {

inline ops::VersionDir dir(const std::string& version, const std::string& how) {
    ops::VersionDir made;
    made.version = version;
    made.inode = inode_of(version);
    made.has_control = how == "complete" || how == "torn";
    made.has_tarball = how == "tarball" || how == "torn";
    made.has_part = how == "part";
    return made;
}

inline void put_current(ops::Observed& seen, const std::string& version, const std::string& how) {
    const bool lost = how == "lost";
    seen.has_version_file = how != "found";
    if (seen.has_version_file) seen.version_file = version;
    if (!lost) seen.current = version;
    seen.current_recovered = how == "found";
    seen.state = how == "started" || how == "found" ? ops::RunState::started
                 : how == "stopped"                 ? ops::RunState::stopped
                                                    : ops::RunState::unknown;
    seen.versions.push_back(dir(version, lost ? "empty" : "complete"));
}

inline void put_aside(ops::Observed& seen, const std::string& how) {
    seen.aside_exists = true;
    seen.asides.push_back(seen.current.value_or(""));
    seen.aside_complete = how == "complete";
    seen.aside_tarball = how == "tarball";
    seen.aside_part = how == "part";
}

inline void put(ops::Observed& seen, const std::string& word, const std::string& how) {
    if (word == "none") return;
    if (word == "aside") {
        put_aside(seen, how);
    } else if (how == "aside") {
        seen.asides.push_back(word);
    } else if (word == "relic" || word == "md5") {
        seen.versions.front().has_tarball = word == "relic";
        seen.versions.front().has_digest_file = true;
    } else if (how == "started" || how == "stopped" || how == "unknown" || how == "found" ||
               how == "lost") {
        put_current(seen, word, how);
    } else {
        seen.versions.push_back(dir(word, how));
    }
}

}  // namespace detail

inline ops::Observed observed(const std::string& text) {
    ops::Observed seen;
    seen.name = "a";
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ';');) {
        std::istringstream words(part);
        std::string word;
        std::string how;
        words >> word >> how;
        detail::put(seen, word, how);
    }
    return seen;
}

/// "start 2", "stop 1", "none 2".
inline ops::Entry wanted(const std::string& text) {
    const std::size_t blank = text.find(' ');
    const std::string cmd = text.substr(0, blank);
    ops::Entry entry;
    entry.name = "a";
    entry.version = text.substr(blank + 1);
    entry.cmd = cmd == "start" ? ops::Cmd::start : cmd == "stop" ? ops::Cmd::stop : ops::Cmd::none;
    entry.tarball_url = "http://files/a-" + entry.version + ".tar.gz";
    entry.digest.url = entry.tarball_url + ".md5";
    return entry;
}

inline Given given(const std::string& seen, const std::string& entry) {
    Given made;
    made.seen = observed(seen);
    made.entry = wanted(entry);
    made.rules.now = now;
    made.rules.boot_id = "this boot";
    return made;
}

/// The answer gives the digest itself.
inline Given with_inline(Given given, const ops::Digests& build) {
    given.entry.published = build;
    given.entry.digest = {ops::DigestKind::md5, build.md5, ""};
    return given;
}

/// The updater made that version dir, so long ago.
inline Given deployed(Given given, const std::string& version, std::int64_t used_ago = day,
                      const ops::Digests& build = no_build) {
    given.memory.deployed.push_back({version, build, now - used_ago});
    return given;
}

/// The last switch, ten minutes ago in this boot.
inline Given switched(Given given, const std::string& from, const std::string& to,
                      ops::Switch::Phase phase, std::int64_t ago = 10 * minute) {
    ops::Switch record;
    record.from = from;
    record.to = to;
    record.at = now - ago;
    record.boot_id = "this boot";
    record.phase = phase;
    given.memory.last_switch = record;
    given.memory.wanted = ops::Cmd::start;
    return given;
}

/// The version failed before; the next try is that many seconds ahead.
inline Given failed(Given given, const std::string& version, std::int64_t retry_in, int tries = 1,
                    const ops::Digests& build = no_build) {
    given.memory.failure =
        ops::Failure{version, build, "start: exit 3", "", tries, now - minute, now + retry_in};
    return given;
}

inline ops::AgentPlan plan_of(const Given& given) {
    const ops::Plan plan = ops::plan({given.seen}, {{given.entry}, {}}, {{"a", given.memory}},
                                     {{"a", given.published}}, given.rules);
    REQUIRE(plan.agents.size() == 1);
    return plan.agents.front();
}

inline std::string text_of(const std::vector<ops::Step>& steps) {
    std::string text;
    for (const ops::Step& step : steps) {
        text += (text.empty() ? "" : ", ") + ops::to_string(step.action);
        if (step.what == ops::Prune::relic) text += " relic";
        if (step.what == ops::Prune::old_version) text += " old";
        if (step.what == ops::Prune::leftover) text += " leftover";
        if (step.what == ops::Prune::aside) text += " aside";
        text += " " + step.version;
    }
    return text;
}

/// What would be done, as text; "" for nothing.
inline std::string steps_of(const Given& given) {
    return text_of(plan_of(given).steps);
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace cases
