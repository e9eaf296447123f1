#include "points.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include "../support/files.hpp"

namespace crash {

namespace {

/// Calls after which nothing is different in the world: a kill there equals one elsewhere.
const std::set<std::string> without_effect = {
    "access",
    "arch_prctl",
    "brk",
    "chdir",
    "close",
    "close_range",
    "dup2",
    "execve",
    "exit",
    "fcntl",
    "fstat",
    "futex",
    "getcwd",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpeername",
    "getpid",
    "getppid",
    "getrandom",
    "getrlimit",
    "getsockname",
    "getsockopt",
    "gettid",
    "getuid",
    "ioctl",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "newfstatat",
    "pread64",
    "prlimit64",
    "read",
    "readlink",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "setsockopt",
    "sigaltstack",
    "statfs",
    "sysinfo",
    "umask",
    "uname",
    "faccessat2",
    "sched_getaffinity",
    "setsid",
    "statx",
    "lstat",
    "stat",
    "dup",
    "fadvise64",
    "clock_nanosleep",
    "restart_syscall",
};

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

void count_calls(const fs::path& log, std::map<std::string, int>& counts) {
    std::map<std::string, std::map<std::string, int>> by_process;
    for (const auto& line : e2e::lines_of(e2e::read_if_there(log).value_or(""))) {
        const auto blank = line.find(' ');
        const auto begin = line.find_first_not_of(' ', blank);
        const auto bracket = line.find('(', begin);
        if (blank == std::string::npos || bracket == std::string::npos) continue;
        const std::string name = line.substr(begin, bracket - begin);
        const bool is_call = std::all_of(name.begin(), name.end(), [](unsigned char letter) {
            return std::isalnum(letter) != 0 || letter == '_';
        });
        if (is_call) ++by_process[line.substr(0, blank)][name];
    }
    for (const auto& [process, calls] : by_process)
        for (const auto& [name, count] : calls)
            counts[name] = std::max(counts[name], count);
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

std::vector<Point> slice(const std::vector<Point>& points, std::size_t step, std::size_t most) {
    std::vector<Point> chosen;
    for (std::size_t at = 0; at < points.size(); at += step)
        chosen.push_back(points[at]);
    if (most == 0 || chosen.size() <= most) return chosen;
    std::vector<Point> spread;
    for (std::size_t i = 0; i < most; ++i)
        spread.push_back(chosen[i * chosen.size() / most]);
    return spread;
}

}  // namespace crash
