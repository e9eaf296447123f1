#include "world/lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "rules/error.hpp"

namespace ops {

namespace {

[[noreturn]] void refuse(const std::filesystem::path& dir, int error) {
    throw Error("cannot lock " + dir.string() + ": " + ::strerrordesc_np(error), ExitCode::config);
}

}  // namespace

std::optional<DirLock> DirLock::try_take(const std::filesystem::path& dir) {
    // A link to the folder is followed, as `flock DIR` does: both must mean the same lock.
    Fd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) refuse(dir, errno);
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) refuse(dir, errno);
        if (std::chrono::steady_clock::now() >= give_up) return std::nullopt;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return DirLock(std::move(fd));
}

}  // namespace ops
