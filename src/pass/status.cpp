#include "pass/status.hpp"

#include <algorithm>

#include "agents/memory_store.hpp"
#include "agents/observe.hpp"
#include "pass/claim.hpp"
#include "pass/ops_meta.hpp"
#include "pass/results.hpp"
#include "rules/error.hpp"
#include "world/files.hpp"
#include "world/host.hpp"

namespace ops {
namespace {

/// The desired state as last known; empty where it is not.
Desired last_desired(const std::optional<KeptAnswer>& kept) {
    if (!kept) return {};
    try {
        return parse_answer(kept->body);
    } catch (const Error&) {
        return {};
    }
}

}  // namespace

std::string status_report(const Config& config, Format format, const ViewStyle& style, Log& log) {
    const Layout layout(config.ops_dir);
    const Control control(layout, config.timeouts, log);
    const MemoryStore store(layout, log);
    StatusReport report;
    report.ops_dir = config.ops_dir;
    report.now = unix_now();
    report.last_pass = last_pass(layout);
    if (const int pid = running_pass(layout); pid != 0)
        report.running = Running{pid, 0, splay_end(layout, pid)};
    const auto kept = kept_answer(layout);
    report.answer_at = kept ? kept->at : 0;
    const Desired desired = last_desired(kept);
    auto memories = store.load(false).memories;

    const auto wanted = [&](const std::string& agent) {
        return config.agents.empty() ||
               std::find(config.agents.begin(), config.agents.end(), agent) != config.agents.end();
    };
    const auto add = [&](Observed observed) {
        AgentStatus status;
        const auto entry =
            std::find_if(desired.entries.begin(), desired.entries.end(),
                         [&](const Entry& known) { return known.name == observed.name; });
        if (entry != desired.entries.end()) status.desired = *entry;
        status.memory = std::move(memories[observed.name]);
        memories.erase(observed.name);
        status.observed = std::move(observed);
        report.agents.push_back(std::move(status));
    };
    for (Observed& observed : observe(layout, control, config.hold, nullptr)) {
        const bool is_agent = observed.has_version_file || observed.current ||
                              memories.contains(observed.name) || observed.held;
        if (is_agent && wanted(observed.name)) add(std::move(observed));
    }
    // Agents of which there is nothing but a failed first stage.
    std::vector<std::string> without_dir;
    for (const auto& [name, memory] : memories)
        if ((memory.trouble || memory.failure) && wanted(name)) without_dir.push_back(name);
    for (const std::string& name : without_dir) {
        Observed nothing;
        nothing.name = name;
        add(std::move(nothing));
    }
    return format == Format::json ? status_json(report) : status_text(report, style);
}

}  // namespace ops
