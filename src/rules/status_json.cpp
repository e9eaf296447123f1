#include "rules/view_json.hpp"
#include "rules/views.hpp"

namespace ops {
namespace {

ordered_json time_or_null(std::int64_t at) {
    return at == 0 ? ordered_json(nullptr) : ordered_json(iso_time(at));
}

ordered_json failed_json(const std::optional<Failure>& failure) {
    if (!failure) return nullptr;
    return {{"version", shown(failure->version)},        {"cause", shown(failure->cause)},
            {"output", printable(failure->output)},      {"retry_at", iso_time(failure->retry_at)},
            {"failed_at", iso_time(failure->failed_at)}, {"tries", failure->tries}};
}

ordered_json desired_json(const std::optional<Entry>& desired) {
    if (!desired) return nullptr;
    return {{"version", text_or_null(desired->version)},
            {"cmd", text_or_null(to_string(desired->cmd))}};
}

/// Everything that is wrong beside a failed version.
ordered_json trouble_json(const AgentStatus& agent) {
    ordered_json lines = ordered_json::array();
    if (!agent.observed.fault.empty()) lines.push_back(shown(agent.observed.fault));
    if (!agent.observed.trouble.empty() && agent.observed.trouble != agent.observed.fault)
        lines.push_back(shown(agent.observed.trouble));
    const auto& trouble = agent.memory.trouble;
    const auto& failure = agent.memory.failure;
    if (trouble && !(failure && failure->version == trouble->version))
        lines.push_back((trouble->version.empty() ? "" : shown(trouble->version) + ": ") +
                        shown(trouble->message));
    return lines;
}

ordered_json agent_json(const AgentStatus& agent) {
    const Observed& seen = agent.observed;
    ordered_json versions = ordered_json::array();
    for (const VersionDir& dir : seen.versions)
        if (dir.complete() || dir.version == seen.current) versions.push_back(shown(dir.version));
    return {{"name", shown(seen.name)},
            {"version", text_or_null(seen.current.value_or(seen.version_file))},
            {"status", to_string(seen.state)},
            {"versions", std::move(versions)},
            {"held", seen.held ? ordered_json(shown(*seen.held)) : ordered_json(nullptr)},
            {"failed", failed_json(agent.memory.failure)},
            {"desired", desired_json(agent.desired)},
            {"trouble", trouble_json(agent)}};
}

ordered_json last_pass_json(const std::optional<LastPass>& last) {
    if (!last) return nullptr;
    ordered_json errors = ordered_json::array();
    for (const std::string& error : last->errors)
        errors.push_back(shown(error));
    return {{"finished_at", time_or_null(last->finished_at)},
            {"success_at", time_or_null(last->success_at)},
            {"exit_code", last->exit_code},
            {"duration", last->duration},
            {"errors", std::move(errors)}};
}

ordered_json running_json(const std::optional<Running>& running, std::int64_t now) {
    if (!running) return nullptr;
    const bool in_splay = running->splay_until > now;
    return {{"pid", running->pid},
            {"splay_until", in_splay ? time_or_null(running->splay_until) : nullptr}};
}

}  // namespace

std::string status_json(const StatusReport& report) {
    ordered_json agents = ordered_json::array();
    for (const AgentStatus& agent : report.agents)
        agents.push_back(agent_json(agent));
    const ordered_json whole{{"ops_dir", shown(report.ops_dir)},
                             {"agents", std::move(agents)},
                             {"last_pass", last_pass_json(report.last_pass)},
                             {"running", running_json(report.running, report.now)},
                             {"answer_at", time_or_null(report.answer_at)}};
    return pretty(whole);
}

}  // namespace ops
