#include "pass/results.hpp"

#include <algorithm>

#include "rules/error.hpp"
#include "rules/screen.hpp"
#include "rules/text.hpp"
#include "rules/views.hpp"
#include "world/files.hpp"
#include "world/host.hpp"

namespace ops {
namespace {

constexpr std::size_t max_last_pass = 256 * 1024;
constexpr std::size_t max_remembered_errors = 50;

std::string error_line(const EntryError& error) {
    return named(error.agent, error.message);
}

std::string count(std::size_t number, const std::string& what) {
    return number == 0 ? "" : ", " + std::to_string(number) + " " + what;
}

bool in_sync(const AgentPlan& plan, const AgentOutcome& outcome) {
    // What nobody orders, or an operator holds, is as it should be; a wrong entry is not.
    if (plan.held || plan.cmd == Cmd::none) return !plan.wrong_entry && plan.problem.empty();
    const RunState wanted = plan.cmd == Cmd::start ? RunState::started : RunState::stopped;
    return outcome.error.empty() && outcome.version == plan.desired && outcome.state == wanted;
}

}  // namespace

void PassResults::record(const Plan& plan, const std::vector<AgentOutcome>& outcomes,
                         const Answer& answer, const std::vector<Observed>& observed,
                         int exit_code) {
    const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    for (const EntryError& error : plan.errors)
        log_.error(error.agent, error.message);
    try {
        std::int64_t success_at = 0;
        remember(plan, answer, exit_code, seconds, success_at);
        if (!config_.metrics_file.empty())
            write_metrics(plan, outcomes, answer, observed, exit_code, seconds, success_at);
    } catch (const std::exception& error) {
        log_.error("", error.what());
    }
    log_summary(plan, outcomes, answer, exit_code, seconds);
}

void PassResults::log_summary(const Plan& plan, const std::vector<AgentOutcome>& outcomes,
                              const Answer& answer, int exit_code, double seconds) {
    std::size_t changed = 0;
    std::size_t failed = 0;
    std::size_t held = 0;
    std::string why_held;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (!outcomes[i].error.empty()) {
            ++failed;
        } else if (!outcomes[i].done.empty()) {
            ++changed;
        }
        if (plan.agents[i].held) {
            ++held;
            why_held +=
                (why_held.empty() ? "" : "; ") + plan.agents[i].name + " " + plan.agents[i].reason;
        }
    }
    const std::string text =
        "pass ended with " + std::to_string(exit_code) + ": " + std::to_string(plan.agents.size()) +
        (plan.agents.size() == 1 ? " agent" : " agents") + count(changed, "changed") +
        count(failed, "failed") + count(held, "held (" + why_held + ")") +
        count(plan.errors.size(), "wrong in the answer") +
        (changed + failed + held + plan.errors.size() == 0 && answer.failure.empty()
             ? ", nothing to do"
             : "") +
        ", " + human_duration(seconds);
    log_.line(exit_code == 0 ? Level::info : Level::warning, "", text);
}

void PassResults::remember(const Plan& plan, const Answer& answer, int exit_code, double seconds,
                           std::int64_t& success_at) {
    LastPass last;
    last.finished_at = unix_now();
    last.exit_code = exit_code;
    last.duration = seconds;
    if (!answer.failure.empty()) last.errors.push_back(one_line(answer.failure));
    for (const EntryError& error : plan.errors)
        if (last.errors.size() < max_remembered_errors)
            last.errors.push_back(one_line(error_line(error)));
    const auto before = last_pass(layout_);
    last.success_at = exit_code == 0 ? last.finished_at : before ? before->success_at : 0;
    success_at = last.success_at;
    // Not worth a sync: after a power cut an older one, or none, is as true.
    replace_file(layout_.last_pass(), to_json(last), 0600, Durable::no);
}

void PassResults::write_metrics(const Plan& plan, const std::vector<AgentOutcome>& outcomes,
                                const Answer& answer, const std::vector<Observed>& observed,
                                int exit_code, double seconds, std::int64_t success_at) {
    PassMetrics metrics;
    metrics.finished_at = unix_now();
    metrics.success_at = success_at;
    metrics.duration = seconds;
    metrics.exit_code = exit_code;
    metrics.ops_meta_reachable = answer.fresh;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const AgentPlan& agent = plan.agents[i];
        metrics.agents.push_back({agent.name, outcomes[i].version,
                                  outcomes[i].state == RunState::started,
                                  in_sync(agent, outcomes[i]), agent.held,
                                  outcomes[i].failed_version || !outcomes[i].error.empty()});
        for (const Action action : outcomes[i].done)
            ++metrics.actions[to_string(action)];
    }
    // With --agent the plan is of some agents only, but the others run on.
    for (const Observed& seen : observed) {
        const bool planned =
            std::any_of(plan.agents.begin(), plan.agents.end(),
                        [&](const AgentPlan& agent) { return agent.name == seen.name; });
        if (!planned && seen.current)
            metrics.agents.push_back({seen.name, *seen.current, seen.state == RunState::started,
                                      true, seen.held.has_value(), false});
    }
    replace_file(config_.metrics_file, metrics_text(metrics), 0644, Durable::no);
}

std::optional<LastPass> last_pass(const Layout& layout) {
    try {
        const auto text = read_file(layout.last_pass(), max_last_pass);
        if (text) return parse_last_pass(*text);
    } catch (const Error&) {  // corrupt or foreign: the end of this pass replaces it
    }
    return std::nullopt;
}

}  // namespace ops
