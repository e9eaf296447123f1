#include "points.hpp"

#include <set>

namespace crash {

namespace {

/// Calls after which nothing is different in the world: a kill there equals one at the next that
/// has an effect.
const std::set<std::string> without_effect = {
    "chdir", "close", "execve", "fstatfs", "getdents64", "newfstatat", "read", "setsid", "statfs"};

const std::map<std::string, std::vector<std::string>> errors_of = {
    {"chdir", {"EACCES"}},
    {"clone3", {"EAGAIN"}},
    {"clone", {"EAGAIN"}},
    {"vfork", {"EAGAIN"}},
    {"close", {"EIO", "EINTR"}},
    {"connect", {"EAGAIN", "EACCES", "EINTR"}},
    {"epoll_ctl", {"ENOSPC"}},
    {"eventfd2", {"EMFILE"}},
    {"fchmod", {"EACCES", "EIO"}},
    {"fdatasync", {"EIO", "ENOSPC", "EINTR"}},
    {"flock", {"EINTR", "EIO"}},
    {"fsync", {"EIO", "ENOSPC", "EINTR"}},
    {"ftruncate", {"EIO", "EINTR"}},
    {"getdents64", {"EIO"}},
    {"kill", {"EACCES"}},
    {"mkdir", {"ENOSPC", "EACCES", "EIO"}},
    {"mkdirat", {"ENOSPC", "EACCES", "EIO"}},
    {"newfstatat", {"EIO", "EACCES"}},
    {"openat", {"EMFILE", "EACCES", "ENOSPC", "EIO", "EINTR"}},
    {"pidfd_open", {"EMFILE"}},
    {"pipe2", {"EMFILE"}},
    {"poll", {"EINTR"}},
    {"ppoll", {"EINTR"}},
    {"read", {"EIO", "EINTR"}},
    {"recvfrom", {"EINTR", "EIO"}},
    {"rename", {"ENOSPC", "EIO", "EACCES"}},
    {"renameat", {"ENOSPC", "EIO", "EACCES"}},
    {"renameat2", {"ENOSPC", "EIO", "EACCES"}},
    {"rmdir", {"EIO", "EACCES"}},
    {"sendto", {"EINTR", "EIO"}},
    {"socket", {"EMFILE", "EACCES"}},
    {"socketpair", {"EMFILE"}},
    {"statfs", {"EIO"}},
    {"syncfs", {"EIO", "ENOSPC"}},
    {"unlink", {"EIO", "EACCES"}},
    {"unlinkat", {"EIO", "EACCES"}},
    {"wait4", {"EINTR"}},
    {"waitid", {"EINTR"}},
    {"write", {"ENOSPC", "EIO", "EINTR", "EAGAIN"}},
    {"writev", {"ENOSPC", "EIO", "EINTR"}},
};

}  // namespace

std::string Point::name() const {
    return scenario + "/" + program + "/" + syscall + "/" + std::to_string(nth) + "/" + fault;
}

std::vector<Point> kill_points(const std::string& scenario, const Counts& counts) {
    std::vector<Point> points;
    for (const auto& [program, calls] : counts)
        for (const auto& [name, count] : calls) {
            if (without_effect.contains(name)) continue;
            for (int nth = 1; nth <= count; ++nth)
                points.push_back({scenario, program, name, nth, "KILL"});
        }
    return points;
}

std::vector<Point> error_points(const std::string& scenario, const Counts& counts) {
    std::vector<Point> points;
    for (const auto& [program, calls] : counts)
        for (const auto& [name, count] : calls) {
            const auto errors = errors_of.find(name);
            if (errors == errors_of.end()) continue;
            for (const auto& error : errors->second)
                for (int nth = 1; nth <= count; ++nth)
                    points.push_back({scenario, program, name, nth, error});
        }
    return points;
}

}  // namespace crash
