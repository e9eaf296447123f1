#include "children.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace transport {

namespace {

pid_t fork_or_throw() {
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error("cannot fork");
    return pid;
}

/// "no disk" from `prepare` false; else what `work` returned.
ChildResult in_child(const std::function<bool()>& prepare,
                     const std::function<std::string()>& work) {
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) throw std::runtime_error("no pipe");
    const pid_t pid = fork_or_throw();
    if (pid == 0) {
        if (!prepare()) ::_exit(3);
        const std::string text = work();
        const ssize_t written = ::write(pipe[1], text.data(), text.size());
        ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
    }
    ::close(pipe[1]);
    ChildResult result;
    std::array<char, 4096> buffer;
    ssize_t count = 0;
    while ((count = ::read(pipe[0], buffer.data(), buffer.size())) > 0) {
        result.text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(pid, &status, 0);
    result.disk_made = !(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    return result;
}

bool mount_small_disk(const std::filesystem::path& dir) {
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    if (::unshare(CLONE_NEWNS | (user == 0 ? 0 : CLONE_NEWUSER)) != 0) return false;
    if (user != 0) {
        std::ofstream("/proc/self/setgroups") << "deny";
        std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
        std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
    }
    return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("none", dir.c_str(), "tmpfs", 0, "size=1m") == 0;
}

}  // namespace

ChildResult in_child_with_small_disk(const std::filesystem::path& dir,
                                     const std::function<std::string()>& work) {
    return in_child([&dir] { return mount_small_disk(dir); }, work);
}

ChildResult in_child_with_file_limit(std::uint64_t bytes,
                                     const std::function<std::string()>& work) {
    const auto prepare = [bytes] {
        const rlimit limit{bytes, bytes};
        return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
    };
    return in_child(prepare, work);
}

bool kill_child_when(const std::function<bool()>& now, const std::function<void()>& work) {
    const pid_t pid = fork_or_throw();
    if (pid == 0) {
        work();
        ::_exit(0);
    }
    int status = 0;
    while (::waitpid(pid, &status, WNOHANG) == 0) {
        if (now()) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, &status, 0);
            break;
        }
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return WIFSIGNALED(status);
}

}  // namespace transport
