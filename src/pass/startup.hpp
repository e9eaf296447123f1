// What must be right before a pass may begin. Each check throws Error(config) that says what to do.
#pragma once

#include <optional>
#include <string>

#include "rules/config.hpp"
#include "world/log.hpp"

namespace ops {

/// The configuration file's content over the defaults: `given`, else ops-updater.yaml beside the
/// program, else /etc/ops-updater.yaml, else the defaults alone. A file that was given must be
/// there.
Config load_config(const std::optional<std::string>& given);

/// Fills in what depends on the host: hostname, and the ops dir, which is the folder of the
/// executable unless that is a system bin folder. Afterwards both are set and the ops dir is
/// absolute, links resolved.
void complete_config(Config& config);

/// The ops dir is there, ours or root's, writable for us and not for all.
void check_ops_dir(const std::string& ops_dir);

/// The token for ops-meta, "" without one. The secrets' files must not be readable for others.
std::string read_secrets(const Config& config, Log& log);

}  // namespace ops
