// The planner: observed x desired x memory x time -> what to do, and why. Pure: `--dry-run` prints
// the plan, a pass executes it, and nothing else decides.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rules/config.hpp"
#include "rules/desired.hpp"
#include "rules/memory.hpp"
#include "rules/observed.hpp"
#include "rules/report.hpp"

namespace ops {

enum class Action { download, resume, unpack, stop, switch_version, start, rollback, prune };

/// The contract's word for it: "download", "switch" …
std::string to_string(Action action);

/// What a prune step removes.
enum class Prune { none, relic, old_version, leftover, aside };

/// One step on one version of the agent.
struct Step {
    Action action = Action::start;
    std::string version;
    Prune what = Prune::none;
    bool operator==(const Step&) const = default;
};

/// What will be done for one agent, in order, and why.
struct AgentPlan {
    std::string name;
    std::optional<std::string> current;
    std::optional<std::string> desired;
    Cmd cmd = Cmd::none;
    RunState status = RunState::unknown;
    std::vector<Step> steps;
    /// Where a staging step fails, the rest of `steps` is dropped and these bring C to cmd.
    std::vector<Step> if_unstaged;
    std::string reason;   ///< one line for people
    std::string problem;  ///< one line; not empty: this pass cannot end with 0 for this agent
    std::string warning;  ///< one line; does not change the exit code
    std::optional<Entry> entry;  ///< the answer's entry, where the agent is to be handled
    bool held = false;
    bool wrong_entry = false;  ///< the answer names it, but its entry broke a rule
    bool republish = false;    ///< the stage goes aside and is exchanged in
    bool stage_anew = false;   ///< what is in V's dir is discarded first
    std::string previous;      ///< what a rollback of this switch goes back to; "": nothing
    Digests target;            ///< what is known of V's digests now: inline or as published
    AgentMemory memory;        ///< to be made durable before the first step (if it is not already)

    [[nodiscard]] bool stages() const;  ///< a download, resume or unpack among the steps
};

struct Plan {
    std::vector<AgentPlan> agents;   ///< sorted by name; every agent of the host or the answer
    std::vector<EntryError> errors;  ///< entries that broke a rule
};

struct PlanRules {
    RollbackRules rollback;
    int keep_versions = 3;
    bool retry = false;          ///< --retry: forget failures
    bool may_switch = true;      ///< false while ops-meta is down: no new switch
    bool answered = true;        ///< false: there is no answer, not even a kept one
    std::set<std::string> only;  ///< --agent; empty: all
    std::int64_t now = 0;        ///< unix seconds
    std::string boot_id;
};

/// The plan for a host. `memory` has what is remembered of each agent; `published` the digests that
/// were asked for because a failed version is being waited out.
Plan plan(const std::vector<Observed>& observed, const Desired& desired,
          const std::map<std::string, AgentMemory>& memory,
          const std::map<std::string, Digests>& published, const PlanRules& rules);

/// The entries whose digest file must be asked for before planning: their version failed before
/// with a known digest, and the answer does not give the digest itself.
std::vector<Entry> digests_to_ask(const Desired& desired,
                                  const std::map<std::string, AgentMemory>& memory);

/// The time of the next try after `tries` failures: `retry_after`, doubling up to a day.
std::int64_t retry_time(std::int64_t now, int tries, std::chrono::seconds retry_after);

/// What is reported: every agent with a `.version`, and those whose first stage failed.
std::vector<ReportEntry> report_entries(const std::vector<Observed>& observed,
                                        const std::map<std::string, AgentMemory>& memory);

}  // namespace ops
