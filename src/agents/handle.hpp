// Executing one agent's plan.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agents/control.hpp"
#include "agents/memory_store.hpp"
#include "agents/stage.hpp"
#include "rules/plan.hpp"

namespace ops {

/// What a pass did for one agent.
struct AgentOutcome {
    std::vector<Action> done;
    std::string error;                   ///< one line; empty: all went well
    bool failed_version = false;         ///< a bad version is being waited out
    bool interrupted = false;            ///< a stop signal came before it was finished
    std::string version;                 ///< in use now
    RunState state = RunState::unknown;  ///< of that version, as last seen
};

/// What executing needs. What is referred to must outlive it.
struct Hands {
    const Layout& layout;
    const Config& config;
    const Control& control;
    const MemoryStore& store;
    Stager& stager;
    Log& log;
    const StopSignal& stop;
    std::string boot_id;
};

/// Executes the plan of one agent. The one place where an agent's failure is caught: it is logged,
/// remembered for the next report and returned. `stored` is its memory as it is on disk.
/// Thread-safe on different agents.
AgentOutcome handle(const AgentPlan& plan, const AgentMemory& stored, const Hands& hands);

}  // namespace ops
