#include <set>

#include "rules/plan.hpp"
#include "rules/plan_parts.hpp"

namespace ops {
namespace {

/// One line that names every trouble the agent is known to have.
std::string error_of(const Observed& observed, const AgentMemory& memory) {
    std::string error;
    const auto add = [&error](const std::string& text) {
        if (!text.empty()) error += (error.empty() ? "" : "; ") + text;
    };
    add(observed.fault);
    if (!observed.trouble.empty()) {
        const std::string version = observed.current.value_or(observed.version_file);
        add(version.empty() ? observed.trouble : version + ": " + observed.trouble);
    }
    if (memory.failure) add(describe(*memory.failure));
    if (memory.trouble && !(memory.failure && memory.failure->version == memory.trouble->version))
        add((memory.trouble->version.empty() ? "" : memory.trouble->version + ": ") +
            memory.trouble->message);
    return error;
}

}  // namespace

std::vector<ReportEntry> report_entries(const std::vector<Observed>& observed,
                                        const std::map<std::string, AgentMemory>& memory) {
    static const AgentMemory no_memory;
    std::vector<ReportEntry> entries;
    std::set<std::string> seen;
    for (const Observed& agent : observed) {
        const auto found = memory.find(agent.name);
        const AgentMemory& remembered = found == memory.end() ? no_memory : found->second;
        seen.insert(agent.name);
        if (!agent.has_version_file && !agent.current && !remembered.trouble) continue;
        entries.push_back({agent.name, agent.current.value_or(agent.version_file), agent.state,
                           error_of(agent, remembered)});
    }
    for (const auto& [name, remembered] : memory)
        if (!seen.contains(name) && remembered.trouble)
            entries.push_back({name, "", RunState::unknown, error_of({}, remembered)});
    return entries;
}

}  // namespace ops
