// What the kernel says about this host and its processes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ops {

std::int64_t unix_now();  ///< seconds
std::int64_t unix_now_nanoseconds();
std::string boot_id();          ///< "" where the kernel does not say
std::string host_name();        ///< gethostname; throws Error(config)
std::string executable_path();  ///< of this process, links resolved; throws Error(config)

/// A live process: zombies and the dead are none.
struct ProcessInfo {
    std::uint64_t start_ticks = 0;  ///< field 22 of /proc/PID/stat
    /// Resolved path, also where the file was since replaced; "" where it cannot be read.
    std::string executable;
    std::string name;  ///< comm, 15 bytes
    std::vector<std::string> arguments;
};
std::optional<ProcessInfo> process_info(int pid);

/// Whether any process of this process group lives.
bool group_lives(int group);

}  // namespace ops
