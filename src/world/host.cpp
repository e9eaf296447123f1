#include "world/host.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>
#include <string_view>

#include "rules/error.hpp"
#include "rules/text.hpp"
#include "world/fd.hpp"

namespace ops {

namespace {

/// A file of /proc, as far as it can be read: the process may go at any moment.
std::string read_proc(const std::string& path, std::size_t max_bytes) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string content;
    std::array<char, 4096> buffer;
    while (fd && content.size() < max_bytes) {
        const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        content.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return content;
}

std::string link_target(const std::string& path) {
    std::array<char, 8192> buffer;
    const ssize_t count = ::readlink(path.c_str(), buffer.data(), buffer.size());
    if (count <= 0) return {};
    std::string target(buffer.data(), static_cast<std::size_t>(count));
    // The kernel's mark for a file that is no longer there, or another by now.
    constexpr std::string_view deleted = " (deleted)";
    if (target.size() > deleted.size() &&
        target.compare(target.size() - deleted.size(), deleted.size(), deleted) == 0) {
        target.resize(target.size() - deleted.size());
    }
    return target;
}

/// What is used of /proc/PID/stat.
struct Stat {
    std::string name;
    char state = 0;
    int group = 0;
    std::uint64_t start_ticks = 0;

    [[nodiscard]] bool lives() const { return state != 'Z' && state != 'X' && state != 'x'; }
};

template <typename Number>
bool parse(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

/// "PID (NAME) STATE PPID PGRP …": the name may hold blanks and parentheses, what follows not.
std::optional<Stat> read_stat(int pid) {
    const std::string text = read_proc("/proc/" + std::to_string(pid) + "/stat", 4096);
    const std::size_t open = text.find('(');
    const std::size_t close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos || close < open) return {};
    Stat stat;
    stat.name = text.substr(open + 1, close - open - 1);

    const std::string_view rest = trim(std::string_view(text).substr(close + 1));
    std::size_t begin = 0;
    for (int field = 3; begin < rest.size(); ++field) {
        const std::size_t end = std::min(rest.find(' ', begin), rest.size());
        const std::string_view value = rest.substr(begin, end - begin);
        if (field == 3 && !value.empty()) stat.state = value.front();
        if (field == 5 && !parse(value, stat.group)) return {};
        if (field == 22) {
            if (!parse(value, stat.start_ticks)) return {};
            return stat;
        }
        begin = end + 1;
    }
    return {};
}

std::vector<std::string> split_arguments(const std::string& cmdline) {
    std::vector<std::string> arguments;
    for (std::size_t begin = 0; begin < cmdline.size();) {
        const std::size_t end = std::min(cmdline.find('\0', begin), cmdline.size());
        arguments.push_back(cmdline.substr(begin, end - begin));
        begin = end + 1;
    }
    return arguments;
}

}  // namespace

std::int64_t unix_now() {
    return unix_now_nanoseconds() / 1'000'000'000;
}

std::int64_t unix_now_nanoseconds() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

std::string boot_id() {
    return std::string(trim(read_proc("/proc/sys/kernel/random/boot_id", 128)));
}

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0 || name.front() == '\0') {
        throw Error("cannot tell this host's name; give --hostname", ExitCode::config);
    }
    return name.data();
}

std::string executable_path() {
    std::string path = link_target("/proc/self/exe");
    if (path.empty()) {
        throw Error("cannot read /proc/self/exe; is /proc mounted?", ExitCode::config);
    }
    return path;
}

std::optional<ProcessInfo> process_info(int pid) {
    if (pid <= 0) return std::nullopt;
    const std::optional<Stat> stat = read_stat(pid);
    if (!stat || !stat->lives()) return std::nullopt;
    const std::string folder = "/proc/" + std::to_string(pid);
    ProcessInfo info;
    info.start_ticks = stat->start_ticks;
    info.name = stat->name;
    info.executable = link_target(folder + "/exe");
    info.arguments = split_arguments(read_proc(folder + "/cmdline", std::size_t{256} * 1024));
    return info;
}

bool group_lives(int group) {
    if (group <= 1 || (::kill(-group, 0) != 0 && errno == ESRCH)) return false;
    const auto is_member = [group](int pid) {
        const std::optional<Stat> stat = read_stat(pid);
        return stat && stat->group == group && stat->lives();
    };
    if (is_member(group)) return true;  // mostly its leader: that saves the search
    const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
    if (!proc) return true;
    while (const dirent* entry = ::readdir(proc.get())) {
        int pid = 0;
        if (parse(std::string_view(entry->d_name), pid) && is_member(pid)) return true;
    }
    return false;
}

}  // namespace ops
