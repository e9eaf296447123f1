// Parts of a test that need a process of their own: to be killed, or to have a small disk.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace transport {

struct ChildResult {
    bool disk_made = true;
    std::string text;  ///< what the function returned; "" where the child did not get so far
};

/// Runs `work` in a forked child in which a disk of 1 MiB is mounted on `dir`, for it alone.
ChildResult in_child_with_small_disk(const std::filesystem::path& dir,
                                     const std::function<std::string()>& work);

/// Runs `work` in a forked child that can write no file beyond so many bytes.
ChildResult in_child_with_file_limit(std::uint64_t bytes, const std::function<std::string()>& work);

/// Runs `work` in a forked child and kills it with SIGKILL as soon as `now` is true. True where the
/// kill came before its end.
bool kill_child_when(const std::function<bool()>& now, const std::function<void()>& work);

}  // namespace transport
