// Where a pass can be disturbed: every system call of the updater and of the tools that it runs, as
// an undisturbed pass makes them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace crash {

namespace fs = std::filesystem;

/// One disturbance: at the `nth` call of `syscall` in a process of `program`, `fault` happens
/// ("KILL", or the name of the error that the call returns).
struct Point {
    std::string scenario;
    std::string program;  ///< "updater", "tar", "gzip", "md5sum"
    std::string syscall;
    int nth = 0;
    std::string fault;

    /// "upgrade/updater/rename/3/KILL"
    [[nodiscard]] std::string name() const;
};

/// How often one process (or thread) of each program makes each call, at most.
using Counts = std::map<std::string, std::map<std::string, int>>;

/// Adds up what `strace -f -o LOG` wrote of one program.
void count_calls(const fs::path& log, std::map<std::string, int>& counts);

/// Every point at which a kill makes sense.
std::vector<Point> kill_points(const std::string& scenario, const Counts& counts);

/// Every call that can fail, with each error that it can fail with.
std::vector<Point> error_points(const std::string& scenario, const Counts& counts);

/// At most `most` points (0: all) of every `step`-th one, evenly spread.
std::vector<Point> slice(const std::vector<Point>& points, std::size_t step, std::size_t most);

}  // namespace crash
