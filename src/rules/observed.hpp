// What was seen of an agent on this host in this pass.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rules/identity.hpp"

namespace ops {

/// A version dir on disk.
struct VersionDir {
    std::string version;
    bool has_control = false;      ///< `control` is there at its root
    bool has_tarball = false;      ///< an unfinished unpack, or a Go ancestor's relic
    bool has_digest_file = false;  ///< a Go ancestor's `.md5` beside its tarball
    bool has_part = false;         ///< an unfinished download
    std::uint64_t inode = 0;

    /// An unpack that was finished: what may be started.
    [[nodiscard]] bool complete() const { return has_control && !has_tarball; }
};

/// One agent as it is. `current` is C of the contract: the version in use, whose `control` exists.
struct Observed {
    std::string name;
    bool has_version_file = false;
    std::string version_file;            ///< the version in it; "" where missing, empty or invalid
    std::optional<std::string> current;  ///< C
    bool current_recovered = false;  ///< C was found by asking the version dirs, not in `.version`
    RunState state = RunState::unknown;  ///< of C
    std::vector<VersionDir> versions;    ///< sorted by name
    std::optional<std::string> held;     ///< the operator's reason ("" is one too)
    bool aside_complete =
        false;  ///< a republished build of C waits aside, or the old tree is kept there
    bool aside_tarball = false;  ///< an unfinished unpack aside
    bool aside_part = false;     ///< an unfinished download aside
    bool aside_exists = false;
    std::vector<std::string> asides;  ///< versions of which something lies aside, C's included
    std::string
        trouble;  ///< one line for the report: why the state is unknown, `.version` invalid …
    std::string fault;  ///< one line: why this agent must not be touched at all (several started …)

    [[nodiscard]] const VersionDir* find(const std::string& version) const;
};

}  // namespace ops
