#include "world/spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace ops {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// First descriptor that a child does not inherit.
constexpr int first_private = 3;

/// What is done in the child between fork and exec. Each step's error is the first one's.
class Actions {
  public:
    Actions() { note(::posix_spawn_file_actions_init(&actions_)); }
    ~Actions() { ::posix_spawn_file_actions_destroy(&actions_); }
    Actions(const Actions&) = delete;
    Actions& operator=(const Actions&) = delete;

    void change_dir(const std::filesystem::path& dir) {
        if (!dir.empty()) note(::posix_spawn_file_actions_addchdir_np(&actions_, dir.c_str()));
    }
    void open(int target, const char* path, int flags) {
        note(::posix_spawn_file_actions_addopen(&actions_, target, path, flags, 0));
    }
    void duplicate(int from, int target) {
        note(::posix_spawn_file_actions_adddup2(&actions_, from, target));
    }
    void close_from(int first) {
        note(::posix_spawn_file_actions_addclosefrom_np(&actions_, first));
    }

    [[nodiscard]] int error() const { return error_; }
    [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

  private:
    void note(int error) {
        if (error_ == 0) error_ = error;
    }

    posix_spawn_file_actions_t actions_{};
    int error_ = 0;
};

/// Own session, signals at their defaults, none blocked: whatever cron, nohup or we made of them.
class Attributes {
  public:
    Attributes() {
        ::posix_spawnattr_init(&attributes_);
        ::posix_spawnattr_setflags(
            &attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        sigset_t signals;
        // sigfillset() leaves out two that glibc keeps to itself, which the child would then
        // ignore.
        std::memset(&signals, 0xff, sizeof signals);
        ::posix_spawnattr_setsigdefault(&attributes_, &signals);
        sigemptyset(&signals);
        ::posix_spawnattr_setsigmask(&attributes_, &signals);
    }
    ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;

    [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

  private:
    posix_spawnattr_t attributes_{};
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    // execve(2) takes them as not const for historical reasons and does not write to them.
    for (const std::string& text : texts)
        result.push_back(const_cast<char*>(text.c_str()));
    result.push_back(nullptr);
    return result;
}

/// A descriptor that no dup2() onto 0 to 2 can overwrite, and that none of those is already: a
/// dup2() onto itself would leave it closed by exec. -1 stays -1.
Fd moved_up(int fd) {
    return Fd(fd >= 0 && fd < first_private ? ::fcntl(fd, F_DUPFD_CLOEXEC, first_private) : -1);
}

struct Pipe {
    Fd read;
    Fd write;
};

/// Both ends above the standard descriptors, which we may have been started without.
int open_pipe(Pipe& pipe) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
    pipe.read.reset(ends[0]);
    pipe.write.reset(ends[1]);
    for (Fd* end : {&pipe.read, &pipe.write}) {
        if (end->get() >= first_private) continue;
        *end = moved_up(end->get());
        if (!*end) return errno;
    }
    // Only our end: a program does not expect its stdout not to block.
    return ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
}

/// A script that was unpacked a moment ago is busy while a fork of another thread, which has not
/// yet exec'd, holds it open for writing.
int spawn_patiently(pid_t& pid, const Actions& actions, const Command& command) {
    const Attributes attributes;
    const std::vector<char*> argv = pointers(command.argv);
    const std::vector<char*> environment = pointers(command.environment);
    const auto give_up = steady_clock::now() + milliseconds(200);
    for (;;) {
        const int error = ::posix_spawn(&pid, argv.front(), actions.get(), attributes.get(),
                                        argv.data(), environment.data());
        if (error != ETXTBSY || steady_clock::now() >= give_up) return error;
        std::this_thread::sleep_for(milliseconds(5));
    }
}

/// Lowers RLIMIT_FSIZE of a process; 0 or errno. One that is gone already needs none.
int limit_file_size(pid_t pid, std::uint64_t bytes) {
    rlimit limit{};
    if (::prlimit(pid, RLIMIT_FSIZE, nullptr, &limit) != 0) return errno == ESRCH ? 0 : errno;
    limit.rlim_max = std::min<rlim_t>(limit.rlim_max, bytes);
    limit.rlim_cur = limit.rlim_max;
    if (::prlimit(pid, RLIMIT_FSIZE, &limit, nullptr) != 0) return errno == ESRCH ? 0 : errno;
    return 0;
}

void kill_and_reap(pid_t pid) {
    ::kill(-pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Spawned not_started(int error) {
    Spawned result;
    result.error = error;
    return result;
}

}  // namespace

Spawned spawn(const Command& command) {
    if (command.argv.empty()) return not_started(EINVAL);
    Pipe pipe;
    if (command.output < 0) {
        if (const int error = open_pipe(pipe)) return not_started(error);
    }
    const Fd moved_input = moved_up(command.input);
    const Fd moved_output = moved_up(command.output);
    const Fd moved_held = moved_up(command.held);
    const int held = moved_held ? moved_held.get() : command.held;
    const int input = moved_input ? moved_input.get() : command.input;
    const int output = pipe.write     ? pipe.write.get()
                       : moved_output ? moved_output.get()
                                      : command.output;

    Actions actions;
    if (input < 0) {
        actions.open(STDIN_FILENO, "/dev/null", O_RDONLY);
    } else {
        actions.duplicate(input, STDIN_FILENO);
    }
    actions.duplicate(output, STDOUT_FILENO);
    actions.duplicate(output, STDERR_FILENO);
    actions.change_dir(command.directory);
    // Last: input and output may be what is number 3 here.
    if (held >= 0) actions.duplicate(held, first_private);
    actions.close_from(held >= 0 ? first_private + 1 : first_private);
    if (actions.error() != 0) return not_started(actions.error());

    Spawned result;
    result.error = spawn_patiently(result.pid, actions, command);
    if (result.error != 0) {
        result.pid = -1;
        return result;
    }
    if (command.max_file_size) {
        if (const int error = limit_file_size(result.pid, *command.max_file_size)) {
            kill_and_reap(result.pid);
            return not_started(error);
        }
    }
    // glibc 2.36 declares pidfd_open() without C linkage.
    result.exit.reset(static_cast<int>(::syscall(SYS_pidfd_open, result.pid, 0)));
    result.output = std::move(pipe.read);
    return result;
}

}  // namespace ops
