#include "rules/plan.hpp"

#include <algorithm>

#include "rules/plan_parts.hpp"
#include "rules/text.hpp"

namespace ops {
namespace {

constexpr std::int64_t a_day = 24 * 60 * 60;
/// A switch that lies further ahead than this was recorded by a clock that has jumped since.
constexpr std::int64_t clock_slack = 300;

std::string held_reason(const Observed& observed) {
    return observed.held->empty() ? "held" : "held: " + *observed.held;
}

/// The planner's work on one agent: what it looks at, and the plan that grows.
class AgentPlanner {
  public:
    AgentPlanner(const Observed& observed, const Entry& entry, const AgentMemory& memory,
                 const Digests& published, const PlanRules& rules)
        : seen_(observed), entry_(entry), old_(memory), rules_(rules) {
        plan_.memory = memory;
        plan_.target = entry.published;
        if (plan_.target.md5.empty()) plan_.target.md5 = published.md5;
        if (plan_.target.sha256.empty()) plan_.target.sha256 = published.sha256;
    }

    AgentPlan make() {
        plan_.name = entry_.name;
        plan_.current = seen_.current;
        plan_.desired = entry_.version;
        plan_.cmd = entry_.cmd;
        plan_.status = seen_.state;
        if (seen_.held) return hold();
        if (!seen_.fault.empty()) return refuse(seen_.fault);
        if (entry_.cmd == Cmd::none) return leave("no cmd: reported, not touched");

        plan_.entry = entry_;
        plan_.memory.wanted = entry_.cmd;
        settle_memory();
        warn_of_lost_version();
        decide();
        restore_version_file();
        remove_relics();
        append(prune_steps(seen_, plan_, rules_));
        return std::move(plan_);
    }

  private:
    // --- agents that are not touched ------------------------------------------------------------

    AgentPlan refuse(const std::string& fault) {
        plan_.problem = fault;
        return leave("not touched: " + fault);
    }

    AgentPlan hold() {
        plan_.held = true;
        return leave(held_reason(seen_));
    }

    AgentPlan leave(const std::string& reason) {
        plan_.reason = reason;
        return std::move(plan_);
    }

    // --- what is remembered, made to fit what is seen -------------------------------------------

    void settle_memory() {
        forget_removed_deployments();
        settle_failure();
        settle_switch();
    }

    void forget_removed_deployments() {
        std::erase_if(plan_.memory.deployed, [&](const Deployment& deployment) {
            return seen_.find(deployment.version) == nullptr;
        });
    }

    /// Another version, another build of the same one, or the operator ends a failure's wait.
    void settle_failure() {
        auto& failure = plan_.memory.failure;
        if (!failure) return;
        const bool same_version = failure->version == entry_.version;
        const bool another_build = differ(failure->digests, plan_.target);
        if (!same_version || another_build || rules_.retry) {
            // Finishing a rollback needs the failure's own wait: it was decided before.
            if (undoing() && same_version && !another_build) return;
            if (same_version) ended_failure_ = *failure;
            failure.reset();
            return;
        }
        // A failure in the future, or a wait of more than a day: the clock has jumped since.
        if (failure->failed_at > rules_.now + clock_slack ||
            failure->retry_at > rules_.now + a_day) {
            failure->failed_at = rules_.now;
            failure->retry_at = rules_.now;
        }
    }

    void settle_switch() {
        auto& record = plan_.memory.last_switch;
        if (!record) return;
        if (!in_force(*record)) {
            // It never took place, or was undone, or somebody switched by hand.
            if (!republish_waits(*record)) record.reset();
            return;
        }
        if (record->at > rules_.now + clock_slack) record->at = rules_.now;
        if (record->boot_id != rules_.boot_id) {
            rebooted_ = true;
            record->boot_id = rules_.boot_id;
        }
        if (record->phase == Switch::Phase::pending && seen_.state == RunState::started)
            record->phase = Switch::Phase::probation;
        if (record->phase == Switch::Phase::probation && !on_probation(*record)) commit(*record);
    }

    [[nodiscard]] bool on_probation(const Switch& record) const {
        return rules_.now - record.at < rules_.rollback.probation.count();
    }

    /// Until then a rollback may bring back the build that `deployed` knows.
    void commit(const Switch& record) {
        if (record.new_tree != 0 && !record.digests.empty())
            plan_.memory.deployment(record.to).digests = record.digests;
    }

    /// The record speaks of the tree that C runs from.
    [[nodiscard]] bool in_force(const Switch& record) const {
        if (!seen_.current || record.to != *seen_.current) return false;
        if (record.new_tree == 0) return true;
        const VersionDir* dir = seen_.find(record.to);
        return dir != nullptr && dir->inode == record.new_tree;
    }

    /// A republished build that was not yet exchanged in.
    [[nodiscard]] bool republish_waits(const Switch& record) const {
        return record.new_tree != 0 && seen_.current && record.to == *seen_.current &&
               seen_.aside_complete && record.phase == Switch::Phase::pending;
    }

    [[nodiscard]] const Switch* switched() const {
        const auto& record = plan_.memory.last_switch;
        return record && in_force(*record) ? &*record : nullptr;
    }

    [[nodiscard]] bool undoing() const {
        const Switch* record = switched();
        return record != nullptr && record->phase == Switch::Phase::undoing;
    }

    void warn_of_lost_version() {
        if (!seen_.version_file.empty() && seen_.current != seen_.version_file)
            plan_.warning = ".version names " + seen_.version_file +
                            ", which has no control: it counts as no version";
    }

    // --- the decision ---------------------------------------------------------------------------

    void decide() {
        if (undoing() && can_roll_back(*switched())) {
            roll_back("going on with the rollback of " + switched()->to);
        } else if (seen_.current == entry_.version) {
            same_version();
        } else {
            other_version();
        }
    }

    void same_version() {
        // One thing at a time: a lost `.version` is written again first.
        if (rules_.may_switch && !seen_.current_recovered && another_build_is_published()) {
            if (waits()) {
                keep_current("the republished build of " + entry_.version);
            } else {
                plan_.republish = true;
                change(ended_failure_ ? entry_.version + " failed before and is staged anew"
                                      : "build " + short_digest() + " of " + entry_.version +
                                            " was republished");
            }
            return;
        }
        if (entry_.cmd == Cmd::start && seen_.state != RunState::started) {
            start_again();
            return;
        }
        if (seen_.state == RunState::started && !another_build_is_published())
            plan_.memory.failure.reset();
        plan_.steps = bring_to_cmd();
        plan_.reason = plan_.steps.empty() ? "as desired" : "stop is wanted" + found();
    }

    /// Also where the build in use is one that failed, and somebody ended its wait.
    [[nodiscard]] bool another_build_is_published() const {
        return differ(digests_of_current(), plan_.target) ||
               (seen_.state != RunState::started && ended_failure_ &&
                of_tree_in_use(*ended_failure_));
    }

    /// A failure of V may be of another build than the one that C runs from.
    [[nodiscard]] bool of_tree_in_use(const Failure& failure) const {
        return !differ(failure.digests, digests_of_current());
    }

    [[nodiscard]] Digests digests_of_current() const {
        if (const Switch* record = switched(); record != nullptr && !record->digests.empty())
            return record->digests;
        const Deployment* deployment = plan_.memory.find(*seen_.current);
        return deployment != nullptr ? deployment->digests : Digests{};
    }

    /// C = V and start is wanted, but it does not run.
    void start_again() {
        const auto& failure = plan_.memory.failure;
        if (failure && of_tree_in_use(*failure) && rules_.now < failure->retry_at) {
            wait_for_retry();
            plan_.reason = plan_.problem;
            return;
        }
        const Switch* record = switched();
        const bool pending = record != nullptr && record->phase == Switch::Phase::pending;
        if (record != nullptr) plan_.previous = can_roll_back(*record) ? record->from : "";
        plan_.reason = (pending ? "the switch is not finished" : "start is wanted") + found();
        plan_.steps = {{Action::start, entry_.version, Prune::none}};
        if (died_on_probation()) count_restart();
    }

    /// Only what cannot be anything but the version's own doing counts: definitely stopped, in the
    /// same boot, while start was wanted all along.
    [[nodiscard]] bool died_on_probation() const {
        const Switch* record = switched();
        return record != nullptr && record->phase == Switch::Phase::probation &&
               seen_.state == RunState::stopped && !rebooted_ && old_.wanted == Cmd::start &&
               on_probation(*record) && can_roll_back(*record);
    }

    void count_restart() {
        Switch& record = *plan_.memory.last_switch;
        ++record.restarts;
        if (record.restarts < rules_.rollback.max_restarts) {
            plan_.reason += " (found stopped " + std::to_string(record.restarts) + " of " +
                            std::to_string(rules_.rollback.max_restarts) + " times on probation)";
            return;
        }
        const std::string cause = "died on probation: found stopped " +
                                  std::to_string(record.restarts) + " times within " +
                                  human_duration(static_cast<double>(rules_.now - record.at)) +
                                  " of its switch";
        plan_.memory.failure = failure_of(plan_.memory, record.to, record.digests, cause, "",
                                          rules_.now, rules_.rollback.retry_after);
        record.phase = Switch::Phase::undoing;
        roll_back(entry_.version + " " + cause);
    }

    [[nodiscard]] bool can_roll_back(const Switch& record) const {
        if (record.from.empty()) return false;
        if (record.from == record.to) return seen_.aside_complete;
        const VersionDir* dir = seen_.find(record.from);
        return dir != nullptr && dir->complete();
    }

    void roll_back(const std::string& why) {
        const Switch& record = *switched();
        plan_.previous = record.from;
        plan_.republish = record.from == record.to;
        plan_.steps.clear();
        if (seen_.state != RunState::stopped)
            plan_.steps.push_back({Action::stop, record.to, Prune::none});
        plan_.steps.push_back({Action::rollback, record.from, Prune::none});
        if (entry_.cmd == Cmd::start)
            plan_.steps.push_back({Action::start, record.from, Prune::none});
        plan_.reason = why;
        plan_.problem = why;
    }

    void other_version() {
        if (waits()) {
            keep_current(entry_.version);
        } else if (!rules_.may_switch) {
            plan_.steps = bring_to_cmd();
            append(stage_steps(Leftovers::only));
            plan_.reason = "ops-meta is down: no new switch to " + entry_.version;
        } else {
            change(seen_.current ? *seen_.current + " -> " + entry_.version
                                 : "first install of " + entry_.version);
        }
    }

    /// A version that failed is being waited out. With cmd stop it waits for a start.
    [[nodiscard]] bool waits() const {
        const auto& failure = plan_.memory.failure;
        return failure && (rules_.now < failure->retry_at || entry_.cmd == Cmd::stop);
    }

    void keep_current(const std::string& what) {
        wait_for_retry();
        plan_.steps = bring_to_cmd();
        plan_.reason = what + " failed and is waited out";
    }

    void wait_for_retry() {
        const Failure& failure = *plan_.memory.failure;
        plan_.problem = describe(failure);
    }

    /// Stage V, then exchange C for it, in the order that the contract's table has.
    void change(const std::string& why) {
        plan_.reason = why;
        if (const Switch* record = switched()) commit(*record);
        plan_.previous = previous_of_change();
        const std::vector<Step> stage = stage_steps(Leftovers::or_download);
        const bool stop_first = seen_.current && seen_.state != RunState::stopped;
        const Step stop{Action::stop, seen_.current.value_or(""), Prune::none};
        if (stop_first && entry_.cmd == Cmd::stop) plan_.steps.push_back(stop);
        append(stage);
        if (stop_first && entry_.cmd == Cmd::start) plan_.steps.push_back(stop);
        plan_.steps.push_back({Action::switch_version, entry_.version, Prune::none});
        if (entry_.cmd == Cmd::start)
            plan_.steps.push_back({Action::start, entry_.version, Prune::none});
        if (entry_.cmd == Cmd::start) plan_.if_unstaged = bring_to_cmd();
    }

    /// What was last seen started: a version that never was is nothing to go back to.
    [[nodiscard]] std::string previous_of_change() const {
        if (!seen_.current) return "";
        const Switch* record = switched();
        if (record == nullptr || record->phase != Switch::Phase::pending) return *seen_.current;
        if (!plan_.republish && record->from == entry_.version) return "";
        return can_roll_back(*record) ? record->from : "";
    }

    enum class Leftovers { only, or_download };

    [[nodiscard]] std::vector<Step> stage_steps(Leftovers leftovers) {
        const std::string& version = entry_.version;
        const Step download{Action::download, version, Prune::none};
        const Step resume{Action::resume, version, Prune::none};
        const Step unpack{Action::unpack, version, Prune::none};
        const Staged staged = plan_.republish ? staged_aside() : staged_in_place();
        if (staged.complete) {
            if (!plan_.stage_anew) return {};
            return leftovers == Leftovers::only ? std::vector<Step>{}
                                                : std::vector<Step>{download, unpack};
        }
        if (staged.tarball) return {unpack};
        if (staged.part) return {resume, unpack};
        if (leftovers == Leftovers::only) return {};
        return {download, unpack};
    }

    struct Staged {
        bool complete = false;
        bool tarball = false;
        bool part = false;
    };

    [[nodiscard]] Staged staged_in_place() {
        const VersionDir* dir = seen_.find(entry_.version);
        if (dir == nullptr) return {};
        // A try after a failure begins from nothing: the failed tree may have been written to. What
        // a killed stage left is not complete and is gone on with.
        const Deployment* deployment = plan_.memory.find(entry_.version);
        const bool failed_before = plan_.memory.failure || ended_failure_;
        const bool other_build = deployment != nullptr && differ(deployment->digests, plan_.target);
        plan_.stage_anew = dir->complete() && (failed_before || other_build);
        return {dir->complete(), dir->has_tarball, dir->has_part};
    }

    /// What lies aside counts only if it was staged there for this very build; else it is the old
    /// tree of the last exchange, or of a build that was republished once more.
    [[nodiscard]] Staged staged_aside() {
        const Digests& aside = plan_.memory.aside;
        const bool this_build = !aside.empty() && !differ(aside, plan_.target);
        if (!this_build && seen_.aside_exists) plan_.stage_anew = true;
        if (!this_build) return {seen_.aside_complete, false, false};
        plan_.stage_anew = false;
        return {seen_.aside_complete, seen_.aside_tarball, seen_.aside_part};
    }

    // --- small words ----------------------------------------------------------------------------

    [[nodiscard]] std::vector<Step> bring_to_cmd() const {
        if (!seen_.current) return {};
        if (entry_.cmd == Cmd::start && seen_.state != RunState::started)
            return {{Action::start, *seen_.current, Prune::none}};
        if (entry_.cmd == Cmd::stop && seen_.state != RunState::stopped)
            return {{Action::stop, *seen_.current, Prune::none}};
        return {};
    }

    void append(const std::vector<Step>& steps) {
        plan_.steps.insert(plan_.steps.end(), steps.begin(), steps.end());
    }

    /// `.version` was lost and C was found running: it is written again before anything else.
    void restore_version_file() {
        if (!seen_.current_recovered || !seen_.current) return;
        plan_.steps.insert(plan_.steps.begin(),
                           Step{Action::switch_version, *seen_.current, Prune::none});
        plan_.warning = ".version was missing or invalid; " + *seen_.current +
                        " was found started and is written to it";
    }

    /// First of all: with a tarball in it, C's dir would not count as complete for a rollback.
    void remove_relics() {
        const VersionDir* dir = seen_.current ? seen_.find(*seen_.current) : nullptr;
        if (dir != nullptr && (dir->has_tarball || dir->has_digest_file))
            plan_.steps.insert(plan_.steps.begin(),
                               Step{Action::prune, *seen_.current, Prune::relic});
    }

    [[nodiscard]] std::string found() const {
        std::string text = ", found " + to_string(seen_.state);
        if (seen_.state == RunState::unknown && !seen_.trouble.empty())
            text += " (" + seen_.trouble + ")";
        return text;
    }

    [[nodiscard]] std::string short_digest() const {
        const std::string& hex =
            plan_.target.sha256.empty() ? plan_.target.md5 : plan_.target.sha256;
        return hex.substr(0, 8);
    }

    const Observed& seen_;
    const Entry& entry_;
    const AgentMemory& old_;
    const PlanRules& rules_;
    AgentPlan plan_;
    bool rebooted_ = false;
    std::optional<Failure> ended_failure_;  ///< of V: by another build, or by --retry
};

/// An agent of the host that the answer does not name.
AgentPlan unnamed(const Observed& observed, const AgentMemory& memory, bool answered) {
    AgentPlan plan;
    plan.name = observed.name;
    plan.current = observed.current;
    plan.status = observed.state;
    plan.memory = memory;
    plan.held = observed.held.has_value();
    if (plan.held) {
        plan.reason = held_reason(observed);
        return plan;
    }
    plan.reason = answered ? "ops-meta does not name it: reported, left alone"
                           : "there is no answer to go by: left alone";
    // Of a first install that nobody wants any more there is nothing left to report.
    if (answered && !observed.has_version_file) plan.memory.trouble.reset();
    return plan;
}

}  // namespace

std::string to_string(Action action) {
    switch (action) {
        case Action::download:
            return "download";
        case Action::resume:
            return "resume";
        case Action::unpack:
            return "unpack";
        case Action::stop:
            return "stop";
        case Action::switch_version:
            return "switch";
        case Action::start:
            return "start";
        case Action::rollback:
            return "rollback";
        case Action::prune:
            return "prune";
    }
    return "";
}

bool is_stage(Action action) {
    return action == Action::download || action == Action::resume || action == Action::unpack;
}

bool AgentPlan::stages() const {
    return std::any_of(steps.begin(), steps.end(),
                       [](const Step& step) { return is_stage(step.action); });
}

std::int64_t retry_time(std::int64_t now, int tries, std::chrono::seconds retry_after) {
    std::int64_t wait = std::min<std::int64_t>(retry_after.count(), a_day);
    for (int i = 1; i < tries && wait < a_day; ++i)
        wait = std::min(wait * 2, a_day);
    return now + wait;
}

Failure failure_of(const AgentMemory& memory, const std::string& version, const Digests& digests,
                   const std::string& cause, const std::string& output, std::int64_t now,
                   std::chrono::seconds retry_after) {
    Failure failure{version, digests, cause, output, 1, now, 0};
    const auto& before = memory.failure;
    if (before && before->version == version && !differ(before->digests, digests))
        failure.tries = before->tries + 1;
    failure.retry_at = retry_time(now, failure.tries, retry_after);
    return failure;
}

std::string describe(const Failure& failure) {
    return failure.version + " failed (" + failure.cause + "); next try at " +
           iso_time(failure.retry_at);
}

std::vector<Entry> digests_to_ask(const Desired& desired,
                                  const std::map<std::string, AgentMemory>& memory) {
    std::vector<Entry> entries;
    for (const Entry& entry : desired.entries) {
        const auto found = memory.find(entry.name);
        if (entry.cmd == Cmd::none || entry.digest.url.empty() || found == memory.end()) continue;
        const auto& failure = found->second.failure;
        if (failure && failure->version == entry.version) entries.push_back(entry);
    }
    return entries;
}

Plan plan(const std::vector<Observed>& observed, const Desired& desired,
          const std::map<std::string, AgentMemory>& memory,
          const std::map<std::string, Digests>& published, const PlanRules& rules) {
    static const AgentMemory no_memory;
    static const Digests no_digests;
    const auto handled = [&](const std::string& agent) {
        return rules.only.empty() || rules.only.contains(agent);
    };
    const auto memory_of = [&](const std::string& agent) -> const AgentMemory& {
        const auto found = memory.find(agent);
        return found == memory.end() ? no_memory : found->second;
    };

    std::map<std::string, Observed> agents;
    std::map<std::string, const Entry*> entries;
    std::set<std::string> bad_entries;
    for (const Observed& agent : observed)
        agents.emplace(agent.name, agent);
    for (const EntryError& error : desired.errors)
        bad_entries.insert(error.agent);
    for (const Entry& entry : desired.entries) {
        entries.emplace(entry.name, &entry);
        agents.try_emplace(entry.name).first->second.name = entry.name;
    }

    Plan plan;
    for (const auto& [name, agent] : agents) {
        if (!handled(name)) continue;
        const auto entry = entries.find(name);
        if (entry == entries.end()) {
            // A folder of data, say: nobody's business.
            if (!agent.has_version_file && !agent.current && !memory_of(name).trouble) continue;
            plan.agents.push_back(unnamed(agent, memory_of(name), rules.answered));
            if (bad_entries.contains(name)) {
                plan.agents.back().wrong_entry = true;
                plan.agents.back().reason = "its entry is wrong: not touched";
            }
            continue;
        }
        const auto digests = published.find(name);
        plan.agents.push_back(
            AgentPlanner(agent, *entry->second, memory_of(name),
                         digests == published.end() ? no_digests : digests->second, rules)
                .make());
    }
    for (const EntryError& error : desired.errors)
        if (error.agent.empty() || handled(error.agent)) plan.errors.push_back(error);
    return plan;
}

}  // namespace ops
