// Names, versions and run states: the words that everything else is said in.
#pragma once

#include <string>
#include <string_view>

namespace ops {

/// What `./control status` says of an agent. Unknown is never taken for stopped.
enum class RunState { unknown, started, stopped };

/// What ops-meta orders. `none`: the agent is reported, not touched.
enum class Cmd { none, start, stop };

/// Says nothing where `name` may name an agent, else why not. 1 to 128 of A-Z a-z 0-9 . _ + ~ -,
/// beginning with a letter or digit; names that begin with "ops-updater" are the updater's own.
/// Names and versions become paths, so nothing else may enter.
std::string name_fault(std::string_view name);

/// Likewise for a version.
std::string version_fault(std::string_view version);

/// Likewise for both together: file names are made of them, so at most 200 characters in sum.
std::string identity_fault(std::string_view name, std::string_view version);

inline bool is_agent_name(std::string_view name) {
    return name_fault(name).empty();
}
inline bool is_version(std::string_view version) {
    return version_fault(version).empty();
}

/// The run state that the output of `control status` tells: containing "started" or
/// "stoped"/"stopped"; both or neither are unknown.
RunState parse_status_output(std::string_view output);

/// "started", "stoped" (spelled so on the wire since the seed), "unknown".
std::string wire_name(RunState state);

/// "started", "stopped", "unknown": for people.
std::string to_string(RunState state);

/// "start", "stop", "".
std::string to_string(Cmd cmd);

}  // namespace ops
