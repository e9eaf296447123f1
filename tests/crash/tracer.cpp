#include "tracer.hpp"

#include <elf.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>

namespace crash {

namespace {

const std::set<std::string> tools = {"tar", "md5sum", "sha256sum", "minisign"};

#define CALL(name) \
    { SYS_##name, #name }
/// The calls that do something, or that can fail. Those of other architectures are left out there.
const std::map<long, std::string>& calls() {  // NOLINT(google-runtime-int)
    static const std::map<long, std::string> names = {
        CALL(chdir),      CALL(clone),
        CALL(clone3),     CALL(close),
        CALL(connect),    CALL(copy_file_range),
        CALL(epoll_ctl),  CALL(eventfd2),
        CALL(execve),     CALL(exit_group),
        CALL(fallocate),  CALL(fchmod),
        CALL(fchmodat),   CALL(fchown),
        CALL(fchownat),   CALL(fdatasync),
        CALL(flock),      CALL(fsync),
        CALL(ftruncate),  CALL(getdents64),
        CALL(kill),       CALL(linkat),
        CALL(mkdirat),    CALL(newfstatat),
        CALL(openat),     CALL(openat2),
        CALL(pidfd_open), CALL(pidfd_send_signal),
        CALL(pipe2),      CALL(ppoll),
        CALL(pwrite64),   CALL(read),
        CALL(recvfrom),   CALL(renameat),
        CALL(renameat2),  CALL(sendfile),
        CALL(sendmsg),    CALL(sendto),
        CALL(setsid),     CALL(socket),
        CALL(socketpair), CALL(splice),
        CALL(statfs),     CALL(fstatfs),
        CALL(symlinkat),  CALL(syncfs),
        CALL(unlinkat),   CALL(utimensat),
        CALL(wait4),      CALL(waitid),
        CALL(write),      CALL(writev),
#ifdef SYS_rename
        CALL(chmod),      CALL(fork),
        CALL(link),       CALL(mkdir),
        CALL(open),       CALL(poll),
        CALL(rename),     CALL(rmdir),
        CALL(symlink),    CALL(unlink),
        CALL(vfork),
#endif
    };
    return names;
}
#undef CALL

std::string program_of(pid_t pid) {
    std::array<char, 4096> target{};
    const std::string link = "/proc/" + std::to_string(pid) + "/exe";
    const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
    if (length <= 0) return "";
    return std::filesystem::path(std::string(target.data(), static_cast<std::size_t>(length)))
        .filename();
}

/// Kills the program when its time is over, so that waiting for it ends.
class Watchdog {
  public:
    Watchdog(pid_t pid, std::chrono::seconds limit)
        : thread_([this, pid, limit] {
              std::unique_lock lock(mutex_);
              if (!changed_.wait_for(lock, limit, [this] { return over_; })) ::kill(pid, SIGKILL);
          }) {}
    ~Watchdog() {
        {
            const std::lock_guard lock(mutex_);
            over_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool over_ = false;
    std::thread thread_;
};

class Tracer {
  public:
    Tracer(const std::optional<Injection>& injection, Observer* observer)
        : injection_(injection), observer_(observer) {}

    /// The wait status of `pid`, which has asked to be traced and stopped itself.
    int follow(pid_t pid) {
        int status = 0;
        int main_status = 0;
        if (::waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
            throw std::runtime_error("tracing is not allowed here");
        constexpr long options =  // NOLINT(google-runtime-int)
            PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
            PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
        ::ptrace(PTRACE_SETOPTIONS, pid, 0, options);
        main_ = pid;
        tasks_[pid] = {};
        resume(pid, 0);
        while (const pid_t stopped = next_change(status)) {
            if (WIFSTOPPED(status)) {
                handle_stop(stopped, status);
                continue;
            }
            tasks_.erase(stopped);
            early_.erase(stopped);
            if (stopped == main_) main_status = status;
        }
        return main_status;
    }

    Counts counts;
    bool injected = false;

  private:
    struct Task {
        std::string program = "updater";
        int failing = 0;     ///< the errno that the call which it is in shall return
        std::string call{};  ///< the call that it is in
        int first_argument = 0;
    };

    /// Who has changed its state; 0 when all have ended.
    pid_t next_change(int& status) const {
        using std::chrono::steady_clock;
        constexpr std::chrono::milliseconds birth(20);
        const auto give_up = steady_clock::now() + birth;
        while (!tasks_.empty() || killed_) {
            // Whom a process bore just before it was killed nobody announces.
            const pid_t pid = ::waitpid(-1, &status, __WALL | (tasks_.empty() ? WNOHANG : 0));
            if (pid > 0) return pid;
            if (pid < 0 && errno != EINTR) return 0;
            if (pid == 0 && steady_clock::now() > give_up) return 0;
            if (pid == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return 0;
    }

    void resume(pid_t pid, int signal) { ::ptrace(PTRACE_SYSCALL, pid, 0, signal); }

    void handle_stop(pid_t pid, int status) {
        const int signal = WSTOPSIG(status);
        const int event = status >> 16;
        if (!tasks_.contains(pid)) {
            early_.insert(pid);  // seen before its parent's event, which says what it is
            if (killed_) adopt_all();
            return;
        }
        Task& task = tasks_[pid];
        if (event == PTRACE_EVENT_EXEC) {
            if (!executed(pid, task)) return;
            resume(pid, 0);
        } else if (event != 0) {
            unsigned long child = 0;  // NOLINT(google-runtime-int)
            if (::ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) == 0)
                born(static_cast<pid_t>(child), task, event == PTRACE_EVENT_CLONE);
            resume(pid, 0);
        } else if (signal == (SIGTRAP | 0x80)) {
            at_call(pid, task);
        } else {
            resume(pid, signal == SIGSTOP ? 0 : signal);
        }
    }

    /// A thread belongs to its program; a process of the updater is "child" until its exec.
    void born(pid_t pid, const Task& parent, bool thread) {
        tasks_[pid].program =
            thread || parent.program != "updater" ? parent.program : std::string("child");
        if (early_.erase(pid) != 0) resume(pid, 0);
    }

    /// Their parent is dead and will say nothing.
    void adopt_all() {
        for (const pid_t pid : std::exchange(early_, {})) {
            tasks_[pid].program = "child";
            resume(pid, 0);
        }
    }

    /// False where the process was let go.
    bool executed(pid_t pid, Task& task) {
        if (pid == main_ && !started_) {
            started_ = true;
            counts.clear();
            return true;
        }
        const std::string program = program_of(pid);
        if (tools.contains(program)) {
            task.program = program;
            return true;
        }
        ::ptrace(PTRACE_DETACH, pid, 0, 0);
        tasks_.erase(pid);
        return false;
    }

    void at_call(pid_t pid, Task& task) {
        __ptrace_syscall_info info{};
        if (::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0) {
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY && started_) {
                task.first_argument = static_cast<int>(info.entry.args[0]);
                enter(pid, task, static_cast<long>(info.entry.nr));  // NOLINT(google-runtime-int)
            } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
                if (task.failing != 0) set_result(pid, std::exchange(task.failing, 0));
                if (info.exit.is_error == 0) leave(pid, task);
            }
        }
        resume(pid, 0);
    }

    void enter(pid_t pid, Task& task, long number) {  // NOLINT(google-runtime-int)
        const auto name = calls().find(number);
        task.call = name == calls().end() ? "" : name->second;
        if (task.call.empty()) return;
        if (observer_ != nullptr && task.program == "updater") observer_->before(task.call);
        const int nth = ++counts[task.program][name->second];
        if (injected || !injection_ || injection_->program != task.program ||
            injection_->syscall != name->second || injection_->nth != nth)
            return;
        injected = true;
        if (injection_->error == 0) {
            ::kill(pid, SIGKILL);
            killed_ = true;
            adopt_all();
        } else {
            task.failing = injection_->error;
            skip_call(pid);
        }
    }

    void leave(pid_t pid, const Task& task) {
        static const std::set<std::string> syncs = {"fsync", "fdatasync", "syncfs"};
        if (observer_ != nullptr && task.program == "updater" && syncs.contains(task.call))
            observer_->synced(pid, task.call, task.first_argument);
    }

#if defined(__x86_64__)
    static void skip_call(pid_t pid) {
        ::ptrace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, orig_rax), -1L);
    }
    static void set_result(pid_t pid, int error) {
        ::ptrace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, rax),
                 -static_cast<long>(error));  // NOLINT(google-runtime-int)
    }
#elif defined(__aarch64__)
    static void skip_call(pid_t pid) {
        int none = -1;
        iovec part{&none, sizeof none};
        ::ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &part);
    }
    static void set_result(pid_t pid, int error) {
        user_regs_struct registers{};
        iovec part{&registers, sizeof registers};
        ::ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part);
        registers.regs[0] = static_cast<unsigned long long>(-static_cast<long long>(error));
        ::ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &part);
    }
#else
#error "the tracer knows the registers of x86-64 and aarch64"
#endif

    std::optional<Injection> injection_;
    Observer* observer_;
    std::map<pid_t, Task> tasks_;
    std::set<pid_t> early_;
    pid_t main_ = -1;
    bool killed_ = false;
    bool started_ = false;
};

}  // namespace

Traced run_traced(const e2e::Launch& launch, const std::optional<Injection>& injection,
                  Observer* observer) {
    e2e::Launch traced = launch;
    traced.in_child = [] {
        ::ptrace(PTRACE_TRACEME, 0, 0, 0);
        ::raise(SIGSTOP);
    };
    e2e::Process process(traced);
    Tracer tracer(injection, observer);
    int status = 0;
    {
        const Watchdog watchdog(process.pid(), std::chrono::seconds(60));
        status = tracer.follow(process.pid());
    }
    Traced outcome;
    outcome.result = process.over(status);
    outcome.counts = tracer.counts;
    outcome.injected = tracer.injected;
    return outcome;
}

}  // namespace crash
