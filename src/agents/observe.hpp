// Looking at every agent of the host: what is there, and what its control script says.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agents/control.hpp"
#include "rules/layout.hpp"
#include "rules/observed.hpp"

namespace ops {

/// All agents of the ops dir, sorted by name. Reads folders and runs `control status`, nothing
/// else. `hold` has the configuration's holds. An agent that cannot be looked at has a `fault`;
/// only an ops dir that cannot be read throws.
std::vector<Observed> observe(const Layout& layout, const Control& control,
                              const std::map<std::string, std::string>& hold,
                              const StopSignal* stop);

/// What is on disk alone, without running anything: C is what `.version` names.
std::vector<Observed> observe_disk(const Layout& layout,
                                   const std::map<std::string, std::string>& hold);

/// The operator's reason if the agent is held, by configuration or `.hold` file.
std::optional<std::string> hold_reason(const Layout& layout, const std::string& agent,
                                       const std::map<std::string, std::string>& hold);

}  // namespace ops
