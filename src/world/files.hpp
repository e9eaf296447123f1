// Files and folders: atomic, durable, never through a symbolic link at the last component.
// Each function throws Error with path and errno text unless it says otherwise; EINTR and short
// writes are handled here. Thread-safe on different paths.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "world/fd.hpp"

namespace ops {

namespace fs = std::filesystem;

/// Throws Error("<doing> <path>: <errno text>"). For callers in the floors above too.
[[noreturn]] void fail(const std::string& doing, const fs::path& path, int error);

/// lstat(2): nothing where there is nothing.
std::optional<struct stat> status_of(const fs::path& path);
/// stat(2): what links lead to; nothing where they lead to nothing.
std::optional<struct stat> target_of(const fs::path& path);
bool is_real_dir(const fs::path& path);
bool is_regular(const fs::path& path);

/// The content of a regular file of at most `max_bytes`; nothing where there is no file. A link, a
/// folder, a FIFO or a larger file is an Error (and never blocks).
std::optional<std::string> read_file(const fs::path& path, std::size_t max_bytes);

/// The last `max_bytes` of a regular file, from `offset` on; "" where it cannot be read. Never
/// throws.
std::string read_tail(const fs::path& path, std::uint64_t offset, std::size_t max_bytes);

enum class Durable { no, yes };

/// Where replace_file() writes before it renames: ".NAME.new" beside the file. Always the same, so
/// that what a killed process left there is used up by the next write of the same file.
fs::path temporary_of(const fs::path& path);

/// Replaces `path` by a file with this content: temporary file beside it, write, (fsync), rename,
/// (fsync of the folder). After a failure the old content is there and no temporary file; only if
/// the very last step, the folder's fsync, fails, the new content is there, maybe not durably. The
/// mode is exactly `mode`, whatever the umask. One writer at a time for one path.
void replace_file(const fs::path& path, std::string_view content, mode_t mode, Durable durable);

/// Writes all of `data`; 0 or errno.
int try_write_all(int fd, std::string_view data);
/// Likewise; throws Error.
void write_all(int fd, std::string_view data, const fs::path& name_in_errors);

/// Makes one folder; fine if it is there as a real folder.
void make_dir(const fs::path& path, mode_t mode);

/// The names in a folder without "." and "..", sorted.
std::vector<std::string> list_dir(const fs::path& path);

void sync_dir(const fs::path& path);         ///< fsync of the folder itself
void sync_filesystem(const fs::path& path);  ///< syncfs of the filesystem it is on

/// unlink(2); fine if it is not there.
void remove_file(const fs::path& path);

/// Removes a tree without following links or crossing mounts (an Error); fine if it is not there.
/// Any depth, with a bounded number of descriptors. The mode of folders in it that their owner may
/// not write to is changed first. Ends at the first entry that cannot be removed.
void remove_tree(const fs::path& path);

/// Removes all within a real folder but the names in `keep`.
void clear_dir(const fs::path& path, const std::vector<std::string>& keep);

void rename_path(const fs::path& from, const fs::path& to);

/// RENAME_EXCHANGE of two folders of one filesystem, atomic.
void exchange(const fs::path& a, const fs::path& b);

struct Space {
    std::uint64_t free_bytes = 0;  ///< without what the filesystem reserves for root
    std::uint64_t total_bytes = 0;
    std::uint64_t free_inodes = 0;  ///< 2^64-1 where the filesystem does not count
};
Space space_of(const fs::path& path);

/// Opens a folder for locking or *at calls: O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC.
Fd open_dir(const fs::path& path);

}  // namespace ops
