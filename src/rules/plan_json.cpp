#include "rules/screen.hpp"
#include "rules/view_json.hpp"
#include "rules/views.hpp"

namespace ops {
namespace {

/// The contract's words in order; the same one twice in a row is told once.
ordered_json actions_json(const std::vector<Step>& steps) {
    ordered_json actions = ordered_json::array();
    for (const Step& step : steps) {
        std::string word = to_string(step.action);
        if (actions.empty() || actions.back() != word) actions.push_back(std::move(word));
    }
    return actions;
}

ordered_json agent_json(const AgentPlan& plan) {
    return {{"name", shown(plan.name)},
            {"current", text_or_null(plan.current)},
            {"desired", text_or_null(plan.desired)},
            {"cmd", text_or_null(to_string(plan.cmd))},
            {"status", to_string(plan.status)},
            {"actions", actions_json(plan.steps)},
            {"reason", text_or_null(plan.reason)},
            {"held", plan.held},
            {"problem", text_or_null(plan.problem)},
            {"warning", text_or_null(plan.warning)}};
}

}  // namespace

std::string plan_json(const Plan& plan, const PlanContext& context) {
    ordered_json agents = ordered_json::array();
    ordered_json errors = ordered_json::array();
    for (const EntryError& error : plan.errors)
        errors.push_back(named(error.agent, error.message));
    for (const AgentPlan& agent : plan.agents) {
        agents.push_back(agent_json(agent));
        if (!agent.problem.empty()) errors.push_back(named(agent.name, agent.problem));
    }
    const ordered_json whole{{"host", shown(context.host)},
                             {"server", text_or_null(context.server)},
                             {"agents", std::move(agents)},
                             {"errors", std::move(errors)}};
    return pretty(whole);
}

}  // namespace ops
