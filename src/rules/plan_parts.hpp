// What the planner is made of and others use too.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "rules/plan.hpp"

namespace ops {

/// A download, a resume or an unpack: what happens without touching the running version.
bool is_stage(Action action);

/// The steps that remove what is no longer needed once the plan's other steps are done: leftovers
/// of versions no longer wanted, trees kept aside after probation, versions beyond `keep_versions`.
/// Only dirs that the updater deployed (plan.memory knows them) are removed.
std::vector<Step> prune_steps(const Observed& observed, const AgentPlan& plan,
                              const PlanRules& rules);

/// The failure to remember: one more try if the same build failed before.
Failure failure_of(const AgentMemory& memory, const std::string& version, const Digests& digests,
                   const std::string& cause, const std::string& output, std::int64_t now,
                   std::chrono::seconds retry_after);

/// "1.0.1 failed (start: exit 3); next try at 2026-01-31T09:15:00Z"
std::string describe(const Failure& failure);

}  // namespace ops
