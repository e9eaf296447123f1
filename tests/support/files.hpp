// Files and digests as tests need them: short words, no error handling at the caller.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace e2e {

namespace fs = std::filesystem;

/// The file's content; nothing where it is no readable regular file.
std::optional<std::string> read_if_there(const fs::path& file);
/// Throws where it cannot be read.
std::string read_file(const fs::path& file);
/// Writes it with exactly this mode, whatever the umask. Throws where that fails.
void write_file(const fs::path& file, std::string_view content, mode_t mode = 0644);

/// Everything below `dir` (itself as "."): relative path -> type, mode, owner, size, time of
/// change, link target, content. Two equal snapshots mean that nothing was touched.
std::map<std::string, std::string> snapshot(const fs::path& dir);

/// Relative paths of everything below `dir`, dirs with a slash behind them, sorted.
std::vector<std::string> tree(const fs::path& dir);

std::string md5_hex(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);

/// `count` bytes that do not compress, the same for the same seed.
std::string noise(std::size_t count, unsigned seed = 1);

bool contains(std::string_view text, std::string_view part);
std::vector<std::string> lines_of(std::string_view text);

}  // namespace e2e
