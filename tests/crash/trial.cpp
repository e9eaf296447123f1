#include "trial.hpp"

#include <algorithm>
#include <stdexcept>

namespace crash {

using e2e::Json;
using e2e::Release;
using e2e::Result;
using e2e::RunOptions;

namespace {

const std::vector<std::string> tools = {"tar", "gzip", "md5sum"};

std::string where_is(const std::string& tool) {
    std::string path = e2e::shell("command -v " + tool);
    path.pop_back();
    return path;
}

/// Paths that differ from pass to pass for good reasons.
bool is_agents_own(const std::string& path) {
    return fs::path(path).filename() == "pid";
}

std::vector<std::string> comparable_tree(const fs::path& ops) {
    auto paths = e2e::tree(ops);
    paths.erase(std::remove_if(paths.begin(), paths.end(), is_agents_own), paths.end());
    return paths;
}

void add(std::string& problems, bool holds, const std::string& text) {
    if (!holds) problems += "  " + text + "\n";
}

}  // namespace

std::vector<std::string> scenario_names() {
    return {"upgrade", "rollback", "republish"};
}

Trial::Trial(const std::string& scenario)
    : scenario_(scenario),
      oldest_(scene_.release("falcon-agent", "0.9.0")),
      before_(scene_.release("falcon-agent", "1.0.0")),
      after_(scene_.release("falcon-agent", scenario == "republish" ? "1.0.0" : "1.0.1")),
      fresh_(scene_.release("dinp-agent", "2.0.0")),
      other_(scene_.release("links-agent", "3.0.0")) {
    after_.file("build", "the new one").file("lib/data", e2e::noise(70000));
    if (scenario == "rollback") after_.start_fails();
    scene_.host.set("keep_versions", "1");
    scene_.host.set("download", "{retries: 1}");
    scene_.host.set("metrics_file", (scene_.host.root / "ops_updater.prom").string());
    for (const auto& tool : tools) {
        // Out of the way unless asked for: then it runs under strace.
        scene_.host.write(scene_.host.root / "traced" / tool,
                          "#!/bin/sh\n[ \"$STRACE_TOOL\" = " + tool + " ] || exec " +
                              where_is(tool) +
                              " \"$@\"\nexec strace -f -qq -o \"$STRACE_LOG.$$\" $STRACE_ARGS " +
                              where_is(tool) + " \"$@\"\n",
                          0755);
    }
    prepare();
}

/// The host before the pass that will be disturbed, by passes, and a copy of its ops dir.
void Trial::prepare() {
    const auto pass = [this] {
        const Result result = scene_.pass();
        if (result.code != 0) throw std::runtime_error("cannot prepare: " + result.story());
    };
    scene_.want(other_);
    if (scenario_ == "upgrade") {
        scene_.want(oldest_);
        pass();
    }
    scene_.want(before_, "start", {{"md5", before_.md5()}});
    pass();
    scene_.host.stop_everything();
    e2e::shell("cp -a '" + scene_.host.ops.string() + "' '" +
               (scene_.host.root / "saved").string() + "'");
    scene_.want(after_, "start", {{"md5", after_.md5()}});
    scene_.want(fresh_);

    // What is there after undisturbed passes is what must be there in the end.
    restore();
    scene_.pass();
    scene_.pass();
    const std::string problems = goal();
    if (!problems.empty()) throw std::runtime_error("an undisturbed pass fails:\n" + problems);
    expected_tree_ = comparable_tree(scene_.host.ops);
}

void Trial::restore() {
    auto& host = scene_.host;
    host.stop_everything();
    const std::string root = host.root.string();
    e2e::shell("rm -rf '" + root + "/ops' '" + root + "/trace' '" + root + "/tmp' && rm -f '" +
               root + "'/runs/* && mkdir '" + root + "/trace' '" + root + "/tmp' && cp -a '" +
               root + "/saved' '" + root + "/ops'");
    for (const Release* agent : {&before_, &other_})
        if (host.control(*agent, "start") != 0 || !host.alive(*agent))
            throw std::runtime_error("cannot start " + agent->name());
    host.forget_journal();
    scene_.meta.forget_requests();
    other_pid_ = host.daemon_pid(other_);
}

e2e::Result Trial::disturbed(const Point& point, bool count_only) {
    auto& host = scene_.host;
    host.write(host.config_file(), host.config());
    std::string inject;
    if (!count_only) {
        inject = "-e trace=" + point.syscall + " -e inject=" + point.syscall + ":" +
                 (point.fault == "KILL" ? "signal=KILL" : "error=" + point.fault) +
                 ":when=" + std::to_string(point.nth);
    }
    RunOptions options;
    options.bare = true;
    const bool of_tool = point.program != "updater";
    // Scripts are not followed: a fault in an agent's own start is the agent's.
    const std::string log = (host.root / "trace" / "log").string();
    std::string line = "exec ";
    if (!of_tool) line += "strace -f -b execve -qq -o '" + log + "' " + inject + " ";
    line += "'" + e2e::program_under_test().string() + "'";
    for (const auto& arg : host.usual_args())
        line += " '" + arg + "'";
    options.program = "/bin/sh";
    options.args = {"-c", line};
    if (of_tool) {
        options.env["PATH"] = (host.root / "traced").string() + ":/usr/sbin:/usr/bin:/sbin:/bin";
        options.env["STRACE_TOOL"] = point.program;
        options.env["STRACE_ARGS"] = inject;
        options.env["STRACE_LOG"] = log;
    }
    return host.run(options);
}

Counts Trial::count() {
    Counts counts;
    std::vector<std::string> programs = tools;
    programs.insert(programs.begin(), "updater");
    for (const auto& program : programs) {
        restore();
        const Result result = disturbed({scenario_, program, "", 0, ""}, true);
        if (result.code != (scenario_ == "rollback" ? 1 : 0))
            throw std::runtime_error("strace does not work here: " + result.story());
        for (const auto& entry : fs::directory_iterator(scene_.host.root / "trace"))
            count_calls(entry.path(), counts[program]);
    }
    return counts;
}

std::string Trial::at_the_fault() const {
    std::string problems;
    const auto& host = scene_.host;
    const std::string version = host.version("falcon-agent");
    const bool is_before = version == before_.version() + "\n" && host.difference(before_).empty();
    const bool is_after = version == after_.version() + "\n" && host.difference(after_).empty();
    add(problems, is_before || is_after,
        ".version does not name a complete version: " + version + "as the old one: " +
            host.difference(before_) + "as the new one: " + host.difference(after_));
    const std::string fresh = host.version("dinp-agent");
    add(problems,
        fresh == "(none)" || (fresh == fresh_.version() + "\n" && host.difference(fresh_).empty()),
        "dinp-agent: .version does not name a complete version: " + fresh);
    return problems;
}

std::string Trial::goal() const {
    std::string problems;
    const auto& host = scene_.host;
    const Release& winner = scenario_ == "rollback" ? before_ : after_;
    add(problems, host.runs_only(winner),
        winner.version() + " does not run alone; .version is " + host.version("falcon-agent") +
            (host.alive(winner) ? "" : "it is dead"));
    add(problems, host.difference(winner).empty(),
        winner.version() + " is not what was published:\n" + host.difference(winner));
    add(problems, host.runs_only(fresh_), "dinp-agent does not run");
    add(problems, host.difference(fresh_).empty(),
        "dinp-agent is not what was published:\n" + host.difference(fresh_));
    return problems;
}

std::string Trial::after_all(const Result& last, bool kill) const {
    const auto& host = scene_.host;
    std::string problems;
    const int wanted = scenario_ == "rollback" ? 1 : 0;  // 1: the bad version is being waited out
    add(problems, last.code == wanted, "the pass afterwards: " + last.story());
    problems += goal();
    // Where its status could not be read, it is unknown, and started again: by the contract.
    const bool untouched =
        kill ? host.deeds("links-agent").empty() : host.count(other_, "stop") == 0;
    add(problems, untouched && host.daemon_pid(other_) == other_pid_, "links-agent was touched");
    auto tree = comparable_tree(host.ops);
    for (const auto& path : tree)
        add(problems,
            std::find(expected_tree_.begin(), expected_tree_.end(), path) != expected_tree_.end(),
            "left over: " + path);
    for (const auto& path : expected_tree_)
        add(problems, std::find(tree.begin(), tree.end(), path) != tree.end(), "missing: " + path);
    for (const auto& path : e2e::tree(host.root / "tmp"))
        problems += "  left over: " + path + "\n";
    return problems;
}

std::string Trial::after_error(const Result& pass) const {
    std::string problems;
    const bool crashed = pass.code >= 128 || pass.code < 0;
    add(problems, !crashed, "the pass that met the error crashed: " + pass.story());
    if (pass.code == 0) {
        // It may have got over the error, but then all must be well.
        const std::string open = goal();
        add(problems, scenario_ != "rollback" && open.empty(),
            "it reported success:\n" + open + pass.story());
    } else {
        add(problems, !pass.err.empty(), "it said nothing: " + pass.story());
    }
    return problems;
}

Outcome Trial::run(const Point& point) {
    Outcome outcome;
    std::string problems;
    try {
        restore();
        const Result pass = disturbed(point, false);
        std::string trace;
        for (const auto& entry : fs::directory_iterator(scene_.host.root / "trace"))
            trace += e2e::read_if_there(entry.path()).value_or("");
        const bool reached = e2e::contains(trace, "INJECTED") || e2e::contains(trace, "SIGKILL");
        problems = at_the_fault();
        if (point.fault != "KILL" || point.program != "updater") problems += after_error(pass);
        std::vector<std::string> strays;
        if (!e2e::eventually([&] { return (strays = scene_.host.strays()).empty(); },
                             std::chrono::seconds(3)))
            for (const auto& stray : strays)
                problems += "  a process is left: " + stray + "\n";
        const Result last = scene_.pass();
        const std::string open = after_all(last, point.fault == "KILL");
        if (!open.empty()) problems += open + "  the disturbed pass: " + pass.story() + "\n";
        outcome.kind = reached ? Outcome::Kind::converged : Outcome::Kind::not_reached;
    } catch (const std::exception& error) {
        problems += std::string("  ") + error.what() + "\n";
    }
    if (!problems.empty()) {
        outcome.kind = Outcome::Kind::failed;
        outcome.problem = problems;
    }
    return outcome;
}

}  // namespace crash
