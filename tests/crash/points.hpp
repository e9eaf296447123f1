// Where a pass can be disturbed: every system call of the updater and of the tools that it runs, as
// an undisturbed pass makes them.
#pragma once

#include <string>
#include <vector>

#include "tracer.hpp"

namespace crash {

/// One disturbance: at the `nth` call of `syscall` in a process of `program`, `fault` happens
/// ("KILL", or the name of the error that the call returns).
struct Point {
    std::string scenario;
    std::string program;  ///< "updater", "child", "tar", "md5sum"
    std::string syscall;
    int nth = 0;
    std::string fault;

    /// "upgrade/updater/rename/3/KILL"
    [[nodiscard]] std::string name() const;
};

/// Every point at which a kill makes sense.
std::vector<Point> kill_points(const std::string& scenario, const Counts& counts);

/// Every call that can fail, with each error that it can fail with.
std::vector<Point> error_points(const std::string& scenario, const Counts& counts);

/// At most `most` (0: all) of every `step`-th one, evenly spread.
template <class Item>
std::vector<Item> slice(const std::vector<Item>& items, std::size_t step, std::size_t most) {
    std::vector<Item> chosen;
    for (std::size_t at = 0; at < items.size(); at += step)
        chosen.push_back(items[at]);
    if (most == 0 || chosen.size() <= most) return chosen;
    std::vector<Item> spread;
    for (std::size_t i = 0; i < most; ++i)
        spread.push_back(chosen[i * chosen.size() / most]);
    return spread;
}

}  // namespace crash
