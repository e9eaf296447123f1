#include "process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "files.hpp"

namespace e2e {

namespace {

std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> list;
    for (const auto& word : words)
        list.push_back(const_cast<char*>(word.c_str()));
    list.push_back(nullptr);
    return list;
}

int open_file(const fs::path& file, int flags) {
    return ::open(file.c_str(), flags | O_CLOEXEC, 0666);
}

/// The child starts as from a login shell, whatever the test's own libraries have set.
void reset_signals() {
    for (int number = 1; number < 32; ++number)
        ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void become(uid_t user) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(user, user, user) != 0 ||
        ::setresuid(user, user, user) != 0)
        ::_exit(126);
}

char state_of(pid_t pid) {
    const std::string stat =
        read_if_there("/proc/" + std::to_string(pid) + "/stat").value_or(std::string());
    const auto comm_end = stat.rfind(')');
    if (comm_end == std::string::npos || comm_end + 2 >= stat.size()) return 'X';
    return stat[comm_end + 2];
}

std::string link_target(const std::string& link) {
    std::array<char, 4096> target{};
    const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
    return length < 0 ? "" : std::string(target.data(), static_cast<std::size_t>(length));
}

std::string arguments_of(pid_t pid) {
    std::string text = read_if_there("/proc/" + std::to_string(pid) + "/cmdline").value_or("");
    std::replace(text.begin(), text.end(), '\0', ' ');
    return text;
}

}  // namespace

std::string Result::story() const {
    return "exit " + std::to_string(code) + " after " + std::to_string(seconds) +
           " s\n--- stdout\n" + out + "--- stderr\n" + err + "---";
}

Process::Process(const Launch& launch)
    : output_(launch.output_prefix), begin_(std::chrono::steady_clock::now()) {
    const auto argv = pointers(launch.argv);
    const auto env = pointers(launch.env);
    fs::path input = "/dev/null";
    if (!launch.input.empty()) {
        input = output_.string() + ".in";
        write_file(input, launch.input);
    }
    const int in = open_file(input, O_RDONLY);
    const int out = open_file(output_.string() + ".out", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
    const int err = open_file(output_.string() + ".err", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
    if (in < 0 || out < 0 || err < 0) throw std::runtime_error("cannot open " + output_.string());
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot fork");
    if (pid_ == 0) {
        ::setsid();
        reset_signals();
        ::umask(022);
        ::dup2(in, 0);
        ::dup2(out, 1);
        ::dup2(err, 2);
        ::close_range(3, ~0U, 0);
        if (!launch.directory.empty() && ::chdir(launch.directory.c_str()) != 0) ::_exit(126);
        if (launch.user) become(*launch.user);
        if (launch.in_child) launch.in_child();
        ::execve(argv[0], argv.data(), env.data());
        ::dprintf(2, "cannot run %s: %s\n", argv[0], std::strerror(errno));
        ::_exit(127);
    }
    ::close(in);
    ::close(out);
    ::close(err);
}

Process::~Process() {
    if (over_) return;
    ::kill(pid_, SIGKILL);
    ended(0);
}

bool Process::ended(int options) {
    if (over_) return true;
    int status = 0;
    struct rusage usage {};
    if (::wait4(pid_, &status, options, &usage) != pid_) return false;
    result_.peak_kb = usage.ru_maxrss;
    note_end(status);
    return true;
}

void Process::note_end(int wait_status) {
    over_ = true;
    result_.code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
    result_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

bool Process::running() {
    return !ended(WNOHANG);
}

void Process::kill(int signal) const {
    if (!over_) ::kill(pid_, signal);
}

Result Process::wait(milliseconds limit) {
    if (!eventually([this] { return ended(WNOHANG); }, limit)) {
        ::kill(pid_, SIGKILL);
        ended(0);
        throw std::runtime_error("still running after " + std::to_string(limit.count()) +
                                 " ms; so far: " + out() + err());
    }
    return collected();
}

Result Process::over(int wait_status) {
    note_end(wait_status);
    return collected();
}

Result Process::collected() {
    result_.out = out();
    result_.err = err();
    return result_;
}

std::string Process::out() const {
    return read_if_there(output_.string() + ".out").value_or("");
}

std::string Process::err() const {
    return read_if_there(output_.string() + ".err").value_or("");
}

std::string shell(const std::string& script) {
    FILE* pipe = ::popen(script.c_str(), "re");
    if (pipe == nullptr) throw std::runtime_error("cannot run a shell");
    std::string output;
    std::array<char, 4096> piece{};
    while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), pipe))
        output.append(piece.data(), got);
    if (::pclose(pipe) != 0) throw std::runtime_error("failed: " + script + "\n" + output);
    return output;
}

bool is_alive(pid_t pid) {
    const char state = state_of(pid);
    return state != 'Z' && state != 'X';
}

std::vector<pid_t> processes_within(const fs::path& dir) {
    std::vector<pid_t> found;
    const std::string prefix = dir.string();
    for (const auto& entry : fs::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        const pid_t pid = std::stoi(name);
        if (pid == ::getpid()) continue;
        const std::string base = "/proc/" + name;
        const bool within = link_target(base + "/cwd").rfind(prefix, 0) == 0 ||
                            link_target(base + "/exe").rfind(prefix, 0) == 0 ||
                            contains(arguments_of(pid), prefix);
        if (within && is_alive(pid)) found.push_back(pid);
    }
    return found;
}

std::string describe_process(pid_t pid) {
    return std::to_string(pid) + ": " + arguments_of(pid) + "in " +
           link_target("/proc/" + std::to_string(pid) + "/cwd");
}

}  // namespace e2e
