#include <algorithm>
#include <set>

#include "rules/plan_parts.hpp"

namespace ops {
namespace {

/// The versions that must stay, whatever their age.
struct Kept {
    std::string current;   ///< once the plan is done
    std::string previous;  ///< likewise; "" for none
    std::set<std::string> all;
};

Kept kept_after(const Observed& observed, const AgentPlan& plan) {
    Kept kept;
    kept.current = observed.current.value_or("");
    const auto& record = plan.memory.last_switch;
    if (record && record->to == kept.current) kept.previous = record->from;
    for (const Step& step : plan.steps) {
        if (step.action != Action::switch_version && step.action != Action::rollback) continue;
        if (step.version == observed.current && !plan.republish) continue;  // only written again
        kept.current = step.version;
        kept.previous = plan.previous;
    }
    kept.all = {kept.current, kept.previous, observed.current.value_or(""),
                plan.desired.value_or("")};
    if (plan.memory.failure) kept.all.insert(plan.memory.failure->version);
    return kept;
}

/// What lies aside is still needed: to go back to, or for the post-mortem, or to go on with.
bool aside_is_needed(const Observed& observed, const AgentPlan& plan, const PlanRules& rules) {
    const AgentMemory& memory = plan.memory;
    if (plan.republish || !rules.may_switch) return true;
    if (memory.failure && memory.failure->version == observed.current) return true;
    const auto& record = memory.last_switch;
    if (!record || record->new_tree == 0) return false;
    return record->phase != Switch::Phase::probation ||
           rules.now - record->at < rules.rollback.probation.count();
}

std::vector<Step> old_versions(const Observed& observed, const AgentPlan& plan, const Kept& kept,
                               int keep_versions) {
    std::vector<const Deployment*> candidates;
    for (const Deployment& deployment : plan.memory.deployed) {
        const VersionDir* dir = observed.find(deployment.version);
        if (dir != nullptr && dir->complete() && !kept.all.contains(deployment.version))
            candidates.push_back(&deployment);
    }
    // Older means used longer ago: versions are never compared.
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const auto* a, const auto* b) { return a->used_at > b->used_at; });
    const int always = 1 + (kept.previous.empty() || kept.previous == kept.current ? 0 : 1);
    const auto spared = static_cast<std::size_t>(std::max(0, keep_versions - always));
    std::vector<Step> steps;
    for (std::size_t i = spared; i < candidates.size(); ++i)
        steps.push_back({Action::prune, candidates[i]->version, Prune::old_version});
    return steps;
}

}  // namespace

std::vector<Step> prune_steps(const Observed& observed, const AgentPlan& plan,
                              const PlanRules& rules) {
    const Kept kept = kept_after(observed, plan);
    std::vector<Step> steps;
    for (const Deployment& deployment : plan.memory.deployed) {
        const VersionDir* dir = observed.find(deployment.version);
        if (dir != nullptr && !dir->complete() && !kept.all.contains(deployment.version))
            steps.push_back({Action::prune, deployment.version, Prune::leftover});
    }
    for (const std::string& version : observed.asides)
        if (version != kept.current || !aside_is_needed(observed, plan, rules))
            steps.push_back({Action::prune, version, Prune::aside});
    for (auto& step : old_versions(observed, plan, kept, rules.keep_versions))
        steps.push_back(std::move(step));
    return steps;
}

}  // namespace ops
