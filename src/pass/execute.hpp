// Executing a plan: all agents, none held up by another.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agents/handle.hpp"

namespace ops {

/// The outcomes in the order of `plan.agents`. Agents that need no download come first.
std::vector<AgentOutcome> execute(const Plan& plan,
                                  const std::map<std::string, AgentMemory>& stored,
                                  const Hands& hands);

}  // namespace ops
