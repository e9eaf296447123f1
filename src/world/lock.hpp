// The lock of the ops dir.
#pragma once

#include <filesystem>
#include <optional>

#include "world/fd.hpp"

namespace ops {

/// flock(2) on the folder itself, so that `flock DIR cmd` in a shell excludes us and we it. Held
/// until the object goes; children do not inherit it.
class DirLock {
  public:
    /// Takes it without waiting, but for a bounded retry of 50 ms: a fork of the holder that has
    /// not yet exec'd holds it for an instant. Nothing where another has it. Throws Error(config)
    /// where the folder cannot be opened.
    static std::optional<DirLock> try_take(const std::filesystem::path& dir);

  private:
    explicit DirLock(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

}  // namespace ops
