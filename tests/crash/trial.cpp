#include "trial.hpp"

#include <signal.h>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace crash {

namespace fs = std::filesystem;
using e2e::Release;
using e2e::Result;

namespace {

const std::map<std::string, int> errors = {
    {"EACCES", EACCES}, {"EAGAIN", EAGAIN}, {"EINTR", EINTR},
    {"EIO", EIO},       {"EMFILE", EMFILE}, {"ENOSPC", ENOSPC},
};

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
               (scene_.host.root / "saved").string() + "' && find '" +
               (scene_.host.root / "saved").string() + "' -name pid -delete");
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
    e2e::shell("rm -rf '" + root + "/ops' '" + root + "/tmp' && rm -f '" + root +
               "'/runs/* && mkdir '" + root + "/tmp' && cp -a '" + root + "/saved' '" + root +
               "/ops'");
    for (const Release* agent : {&before_, &other_})
        if (host.control(*agent, "start") != 0 || !host.alive(*agent))
            throw std::runtime_error("cannot start " + agent->name());
    host.forget_journal();
    scene_.meta.forget_requests();
    other_pid_ = host.daemon_pid(other_);
}

Traced Trial::traced(const std::optional<Injection>& injection, Observer* observer) {
    return run_traced(scene_.host.launch({}), injection, observer);
}

const Release& Trial::winner() const {
    return scenario_ == "rollback" ? before_ : after_;
}

int Trial::code_of_the_last() const {
    return scenario_ == "rollback" ? 1 : 0;  // 1: the bad version is being waited out
}

Counts Trial::count() {
    // How often it polls depends on timing: a point must come in any pass.
    constexpr int passes = 3;
    Counts least;
    for (int i = 0; i < passes; ++i) {
        restore();
        const Traced pass = traced(std::nullopt);
        const std::string problems = goal();
        if (!problems.empty()) throw std::runtime_error("a traced pass fails:\n" + problems);
        if (i == 0) least = pass.counts;
        for (auto& [program, calls] : least)
            for (auto& [name, count] : calls) {
                const auto found = pass.counts.find(program);
                if (found == pass.counts.end() || !found->second.contains(name))
                    count = 0;
                else
                    count = std::min(count, found->second.at(name));
            }
    }
    return least;
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
    add(problems, host.runs_only(winner()),
        winner().version() + " does not run alone; .version is " + host.version("falcon-agent") +
            (host.alive(winner()) ? "" : "it is dead"));
    add(problems, host.difference(winner()).empty(),
        winner().version() + " is not what was published:\n" + host.difference(winner()));
    add(problems, host.runs_only(fresh_), "dinp-agent does not run");
    add(problems, host.difference(fresh_).empty(),
        "dinp-agent is not what was published:\n" + host.difference(fresh_));
    return problems;
}

std::string Trial::after_all(const Result& last, bool killed) const {
    const auto& host = scene_.host;
    std::string problems;
    add(problems, last.code == code_of_the_last(), "the pass afterwards: " + last.story());
    problems += goal();
    // Where its status could not be asked for, it is unknown and started again: by the contract.
    const bool untouched =
        killed ? host.deeds("links-agent").empty() : host.count(other_, "stop") == 0;
    add(problems, untouched && host.daemon_pid(other_) == other_pid_, "links-agent was touched");
    return problems + tree_differences();
}

std::string Trial::tree_differences() const {
    std::string problems;
    const auto& host = scene_.host;
    const auto tree = comparable_tree(host.ops);
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
        const Traced pass_traced =
            traced(Injection{point.program, point.syscall, point.nth,
                             point.fault == "KILL" ? 0 : errors.at(point.fault)});
        const Result& pass = pass_traced.result;
        problems = at_the_fault();
        if (pass.code != 128 + SIGKILL) problems += after_error(pass);
        std::vector<std::string> strays;
        if (!e2e::eventually([&] { return (strays = scene_.host.strays()).empty(); },
                             std::chrono::seconds(3)))
            for (const auto& stray : strays)
                problems += "  a process is left: " + stray + "\n";
        std::string open;
        Result last;
        if (point.program == "child" && (point.fault == "KILL" || point.fault == "EACCES")) {
            // A script that was killed, or must not be run, has failed: its version is tried again.
            last = scene_.pass({"--retry"});
            open = goal();
        } else {
            last = scene_.pass();
            open = after_all(last, pass.code == 128 + SIGKILL);
        }
        if (!open.empty())
            problems += open + "  the disturbed pass: " + pass.story() +
                        "\n  the last pass: " + last.story() + "\n";
        outcome.kind = pass_traced.injected ? Outcome::Kind::converged : Outcome::Kind::not_reached;
    } catch (const std::exception& error) {
        problems += std::string("  ") + error.what() + "\n";
    }
    if (!problems.empty()) {
        outcome.kind = Outcome::Kind::failed;
        outcome.problem = problems;
    }
    return outcome;
}

// --- power cuts --------------------------------------------------------------------------------

namespace {

using Model = DiskState (DiskModel::*)() const;
const std::map<std::string, Model> models = {
    {"only what was synced", &DiskModel::synced_alone},
    {"names without content", &DiskModel::names_without_content},
    {"sizes without content", &DiskModel::sizes_without_content},
};

/// Follows what a pass changes on the disk.
class Watcher : public Observer {
  public:
    /// Called before each call that changes the disk, and once at the end with "" and 0.
    using Tell = std::function<void(const DiskModel&, const std::string& call, int nth)>;

    Watcher(const fs::path& ops, Tell tell) : model_(ops), tell_(std::move(tell)) {}

    void before(const std::string& call) override {
        static const std::set<std::string> changing = {
            "rename", "renameat", "renameat2", "unlink",    "unlinkat", "mkdir", "mkdirat",
            "rmdir",  "fsync",    "fdatasync", "ftruncate", "syncfs",   "write", "clone3",
            "clone",  "vfork",    "fchmod",    "kill",      "wait4",    "waitid"};
        const int nth = ++counts_[call];
        if (changing.contains(call)) tell_(model_, call, nth);
    }
    void synced(pid_t pid, const std::string& call, int fd) override {
        model_.synced(pid, call, fd);
    }
    void at_the_end() { tell_(model_, "", 0); }

  private:
    DiskModel model_;
    Tell tell_;
    std::map<std::string, int> counts_;
};

}  // namespace

std::vector<PowerCut> Trial::power_cuts() {
    restore();
    std::vector<PowerCut> cuts;
    std::vector<DiskState> known;
    Watcher watcher(scene_.host.ops, [&](const DiskModel& disk, const std::string& call, int nth) {
        for (const auto& [name, model] : models) {
            const DiskState state = (disk.*model)();
            const bool is_known = std::find(known.begin(), known.end(), state) != known.end();
            if (is_known && !call.empty()) continue;
            known.push_back(state);
            cuts.push_back({call, nth, name});
        }
    });
    traced(std::nullopt, &watcher);
    watcher.at_the_end();
    return cuts;
}

Outcome Trial::run(const PowerCut& cut) {
    Outcome outcome;
    std::string problems;
    try {
        restore();
        std::optional<DiskState> found;
        Watcher watcher(scene_.host.ops,
                        [&](const DiskModel& disk, const std::string& call, int nth) {
                            if (call == cut.call && nth == cut.nth)
                                found = (disk.*models.at(cut.model))();
                        });
        const Result pass =
            traced(cut.call.empty() ? std::nullopt
                                    : std::optional(Injection{"updater", cut.call, cut.nth, 0}),
                   &watcher)
                .result;
        if (cut.call.empty()) watcher.at_the_end();
        if (!found) return {Outcome::Kind::not_reached, ""};
        scene_.host.stop_everything();
        const fs::path stash = scene_.host.root / "stash";
        fs::create_directories(stash);
        found->restore(scene_.host.ops, stash);
        for (const Release* agent : {&before_, &other_, &oldest_, &after_, &fresh_})
            fs::remove(scene_.host.dir(*agent) / "pid");
        problems = at_the_fault();
        add(problems,
            !cut.call.empty() || scene_.host.version("falcon-agent") == winner().version() + "\n",
            "what the pass said it had done was not on disk at its end");
        const Result last = scene_.pass();
        std::string open;
        add(open, last.code == code_of_the_last(), "the pass afterwards failed");
        open += goal() + tree_differences();
        if (!open.empty())
            problems += open + "  the pass that was cut: " + pass.story() +
                        "\n  the pass afterwards: " + last.story() + "\n";
    } catch (const std::exception& error) {
        problems += std::string("  ") + error.what() + "\n";
    }
    outcome.kind = problems.empty() ? Outcome::Kind::converged : Outcome::Kind::failed;
    outcome.problem = problems;
    return outcome;
}

}  // namespace crash
