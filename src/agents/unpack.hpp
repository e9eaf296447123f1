// From a verified tarball to a complete tree, or to nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "agents/disk_budget.hpp"
#include "agents/tools.hpp"
#include "rules/layout.hpp"
#include "world/fd.hpp"
#include "world/log.hpp"
#include "world/stop.hpp"

namespace ops {

/// A stop signal came: the pass is to end, and nothing is wrong with the agent.
class Stopped {};

struct UnpackLimits {
    std::uint64_t max_bytes = 0;          ///< of the whole tree
    std::uint64_t max_entries = 100'000;  ///< files, folders and links
    std::chrono::seconds timeout{900};
};

/// Opens a tarball once nobody else unpacks it: the tar of a pass that was killed may still be at
/// work. tar inherits this descriptor, and its lock with it. Throws Error or Stopped.
Fd open_tarball(const std::filesystem::path& tarball, const StopSignal& stop);

/// Unpacks `stage.tarball` into `stage.dir`, which holds nothing else afterwards, checks the tree,
/// makes it durable and removes the tarball: that is the commit. Throws Error that names the member
/// where one is to blame; the dir then holds the tarball alone. Throws Stopped likewise.
void unpack(const StagePaths& stage, const UnpackLimits& limits, const Tools& tools,
            DiskBudget& budget, const StopSignal& stop);

/// Checks an unpacked tree: only regular files, folders and links that stay inside; no setuid or
/// setgid; names without control characters; `control` a regular executable file at its root.
/// Throws Error that names the first member that breaks a rule.
void check_tree(const std::filesystem::path& root, const std::string& tarball_name,
                const UnpackLimits& limits);

}  // namespace ops
