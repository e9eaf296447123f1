// One pass, from the lock to the exit code: the story of the program.
#pragma once

#include <optional>
#include <string>

#include "rules/config.hpp"
#include "rules/views.hpp"
#include "world/log.hpp"
#include "world/stop.hpp"

namespace ops {

struct PassOptions {
    Config config;                            ///< complete and checked
    bool splay = true;                        ///< false: now
    bool dry_run = false;                     ///< print the plan to stdout, change nothing
    bool retry = false;                       ///< ignore the memory of failed versions
    std::optional<std::string> desired_file;  ///< instead of ops-meta; "-": stdin
    Format format = Format::text;             ///< of the plan
    ViewStyle style;                          ///< of the plan as text
    std::vector<std::string> must_know;  ///< agents that a person named: unknown ones are errors
};

/// Returns what the process exits with. Throws Error for what ends a pass before it looked at the
/// agents (lock, startup checks).
int run_pass(const PassOptions& options, Log& log, const StopSignal& stop);

}  // namespace ops
