#include "agents/control.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "rules/text.hpp"
#include "world/files.hpp"

namespace ops {
namespace {

using std::chrono::milliseconds;

constexpr off_t max_control_log = 1024 * 1024;
constexpr std::size_t kept_output = 64 * 1024;

/// A few keep the processors busy with scripts that compute; scripts that wait (for a socket, an
/// init system) gain from more: 100 that wait 20 ms take 579 ms four at a time, 176 ms sixteen at a
/// time.
std::size_t parallel_statuses() {
    return std::max<std::size_t>(16, 4 * std::thread::hardware_concurrency());
}

StatusReading read_status(const Result& result) {
    // Its output alone decides, but only if the script had its say to the end.
    if (!std::holds_alternative<Exited>(result.outcome))
        return {RunState::unknown, "control status " + to_string(result.outcome)};
    const RunState state = parse_status_output(result.output);
    if (state != RunState::unknown) return {state, ""};
    const std::string printed = one_line(result.output, 200);
    return {state, "control status printed " +
                       (printed.empty() ? "nothing" : "neither started nor stopped: " + printed) +
                       " (" + to_string(result.outcome) + ")"};
}

/// The log that a daemon may hold open: appended to, never a link's target.
Fd open_log(const fs::path& path) {
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                 0644));
    if (!fd) fail("cannot open", path, errno);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) fail("cannot look at", path, errno);
    if (!S_ISREG(info.st_mode)) throw Error(path.string() + " is not a regular file");
    // Non-blocking was for a FIFO in its place; the script gets an ordinary file.
    if (::fcntl(fd.get(), F_SETFL, O_APPEND) != 0) fail("cannot set up", path, errno);
    return fd;
}

/// What the host is short of, not what is wrong with the script.
bool is_shortage(const Outcome& outcome) {
    const auto* not_started = std::get_if<NotStarted>(&outcome);
    if (not_started == nullptr) return false;
    constexpr std::array shortages = {EAGAIN, ENOMEM, EMFILE, ENFILE, ENOSPC, EIO, EINTR};
    return std::find(shortages.begin(), shortages.end(), not_started->error) != shortages.end();
}

/// Runs it, and tries for two seconds again where the host could not for a moment.
Result run_patiently(const Command& command) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    for (;;) {
        Result result = run(command);
        if (!is_shortage(result.outcome) || std::chrono::steady_clock::now() >= give_up)
            return result;
        std::this_thread::sleep_for(milliseconds(100));
    }
}

bool ran(const Outcome& outcome) {
    return !std::holds_alternative<NotStarted>(outcome);
}

std::string quoted(const std::string& output) {
    const std::string text = one_line(output, 300);
    return text.empty() ? "" : ": " + text;
}

}  // namespace

Control::Control(const Layout& layout, const Timeouts& timeouts, Log& log)
    : layout_(layout), timeouts_(timeouts), log_(log), environment_(script_environment()) {}

Command Control::command(const std::string& agent, const std::string& version,
                         const std::string& verb, milliseconds timeout) const {
    Command command;
    command.argv = {layout_.control(agent, version).string(), verb};
    command.directory = layout_.version_dir(agent, version);
    command.environment = environment_;
    command.timeout = timeout;
    command.keep = kept_output;
    log_.debug(agent, version + "/control " + verb);
    return command;
}

std::vector<StatusReading> Control::statuses(
    const std::vector<std::pair<std::string, std::string>>& asked, const StopSignal* stop) const {
    std::vector<Command> commands;
    commands.reserve(asked.size());
    for (const auto& [agent, version] : asked) {
        commands.push_back(command(agent, version, "status", timeouts_.status));
        commands.back().stop = stop;
    }
    std::vector<StatusReading> readings;
    readings.reserve(asked.size());
    for (const Result& result : run_all(commands, parallel_statuses()))
        readings.push_back(read_status(result));
    return readings;
}

StatusReading Control::status(const std::string& agent, const std::string& version) const {
    return read_status(run(command(agent, version, "status", timeouts_.status)));
}

StatusReading Control::status_within(const std::string& agent, const std::string& version,
                                     Clock::time_point deadline) const {
    // Even at the deadline the script gets the time to answer once.
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    const auto timeout = std::clamp<milliseconds>(
        left, std::min<milliseconds>(timeouts_.status, milliseconds(1000)), timeouts_.status);
    return read_status(run(command(agent, version, "status", timeout)));
}

StatusReading Control::poll(const std::string& agent, const std::string& version, RunState wanted,
                            Clock::time_point deadline) const {
    auto pause = milliseconds(2);
    for (;;) {
        StatusReading reading = status_within(agent, version, deadline);
        const auto now = Clock::now();
        if (reading.state == wanted || now >= deadline) return reading;
        std::this_thread::sleep_for(std::min<Clock::duration>(pause, deadline - now));
        pause = std::min(pause * 3 / 2 + milliseconds(1), milliseconds(500));
    }
}

void Control::start(const std::string& agent, const std::string& version) const {
    log_.progress(agent, "starting " + version);
    const auto deadline = Clock::now() + timeouts_.start;
    const Fd log = open_log(layout_.control_log(agent));
    const off_t before = ::lseek(log.get(), 0, SEEK_END);
    Command start = command(agent, version, "start", timeouts_.start);
    start.output = log.get();
    const Outcome outcome = run_patiently(start).outcome;
    if (is_shortage(outcome)) throw Error(version + ": control start " + to_string(outcome));
    const auto output = [&] {
        return read_tail(layout_.control_log(agent),
                         before < 0 ? 0 : static_cast<std::uint64_t>(before), kept_output);
    };
    if (!succeeded(outcome)) {
        const std::string text = output();
        throw ScriptFailure("control start: " + to_string(outcome) + quoted(text), text,
                            ran(outcome));
    }
    const StatusReading reading = poll(agent, version, RunState::started, deadline);
    if (reading.state == RunState::started) return;
    const std::string text = output();
    throw ScriptFailure("control start exited with 0, but its status was not started within " +
                            human_duration(static_cast<double>(timeouts_.start.count())) + " (" +
                            (reading.trouble.empty() ? to_string(reading.state) : reading.trouble) +
                            ")" + quoted(text),
                        text, true);
}

void Control::stop(const std::string& agent, const std::string& version) const {
    log_.progress(agent, "stopping " + version);
    const auto deadline = Clock::now() + timeouts_.stop;
    const Result result = run_patiently(command(agent, version, "stop", timeouts_.stop));
    const StatusReading reading = poll(agent, version, RunState::stopped, deadline);
    if (reading.state == RunState::stopped) return;
    if (reading.state == RunState::unknown && succeeded(result.outcome)) return;
    throw ScriptFailure("control stop: " + to_string(result.outcome) +
                            ", but its status is still " + to_string(reading.state) +
                            (reading.trouble.empty() ? "" : " (" + reading.trouble + ")") +
                            quoted(result.output),
                        result.output, ran(result.outcome));
}

void Control::trim_log(const std::string& agent) const {
    const fs::path path = layout_.control_log(agent);
    const auto info = status_of(path);
    if (!info) return;
    // Found now, not between stop and start.
    if (!S_ISREG(info->st_mode)) throw Error(path.string() + " is not a regular file: remove it");
    if (info->st_size <= max_control_log) return;
    const Fd fd(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd || ::ftruncate(fd.get(), 0) != 0)
        log_.warning(agent, "cannot empty " + path.string() + ": " + std::strerror(errno));
}

std::string Control::last_output(const std::string& agent) const {
    return read_tail(layout_.control_log(agent), 0, 4096);
}

}  // namespace ops
