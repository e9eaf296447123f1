#include "pass/claim.hpp"

#include <unistd.h>

#include <charconv>

#include "rules/error.hpp"
#include "rules/memory.hpp"
#include "rules/text.hpp"
#include "world/files.hpp"
#include "world/host.hpp"

namespace ops {
namespace {

constexpr std::size_t max_pid_file = 4096;

bool named_like_us(const std::string& path) {
    return fs::path(path).filename().string().starts_with("ops-updater");
}

/// A pid may have been given to another program since the file was written.
bool is_updater(const ProcessInfo& process) {
    if (named_like_us(process.executable) || named_like_us(process.name)) return true;
    const auto& arguments = process.arguments;
    if (!arguments.empty() && named_like_us(arguments[0])) return true;
    return arguments.size() > 1 && fs::path(arguments[1]).filename() == "ops-updater";
}

[[noreturn]] void locked(const Layout& layout, const std::string& by) {
    throw Error("the ops dir " + layout.ops_dir().string() + " is locked by " + by,
                ExitCode::locked);
}

DirLock take_lock(const Layout& layout) {
    if (auto lock = DirLock::try_take(layout.ops_dir())) return std::move(*lock);
    const int pid = running_pass(layout);
    if (pid == 0) locked(layout, "another program");
    const std::int64_t until = splay_end(layout, pid);
    locked(layout, "the pass with pid " + std::to_string(pid) +
                       (until != 0 ? ", in its splay until " + iso_time(until) : ""));
}

}  // namespace

int running_pass(const Layout& layout) {
    try {
        const auto text = read_file(layout.pid_file(), max_pid_file);
        if (!text) return 0;
        const std::string_view number = trim(*text);
        int pid = 0;
        const auto [end, error] =
            std::from_chars(number.data(), number.data() + number.size(), pid);
        if (error != std::errc() || end != number.data() + number.size() || pid <= 1) return 0;
        const auto process = process_info(pid);
        return process && is_updater(*process) ? pid : 0;
    } catch (const Error&) {
        return 0;  // whatever lies there, it names no pass
    }
}

std::int64_t splay_end(const Layout& layout, int pid) {
    try {
        const auto text = read_file(layout.running(), max_pid_file);
        if (!text) return 0;
        const Running running = parse_running(*text);
        const auto process = process_info(pid);
        const bool same =
            process && running.pid == pid && running.start_ticks == process->start_ticks;
        return same && running.splay_until > unix_now() ? running.splay_until : 0;
    } catch (const Error&) {
        return 0;
    }
}

Claim::Claim(const Layout& layout, bool leave_no_trace, Log& log)
    : layout_(layout), log_(log), lock_(take_lock(layout)), traces_(!leave_no_trace) {
    // The Go ancestors take no flock: only their pid file tells of them.
    const int resident = running_pass(layout);
    if (resident != 0 && resident != ::getpid())
        locked(layout, "a resident ops-updater with pid " + std::to_string(resident) +
                           ": stop it, this program is started by cron");
    if (traces_) leave(layout.pid_file(), std::to_string(::getpid()) + "\n", 0644);
}

void Claim::leave(const fs::path& path, const std::string& content, unsigned mode) {
    try {
        replace_file(path, content, mode, Durable::no);
    } catch (const Error& error) {
        log_.warning("", error.what());
    }
}

Claim::~Claim() {
    if (!traces_) return;
    try {
        if (splay_announced_) remove_file(layout_.running());
        remove_file(layout_.pid_file());
    } catch (const Error&) {  // a stale pid file is recognised as such
    }
}

void Claim::announce_splay(std::int64_t until) {
    if (until == 0) {
        remove_file(layout_.running());
        splay_announced_ = false;
        return;
    }
    const auto self = process_info(::getpid());
    splay_announced_ = true;
    leave(layout_.running(), to_json(Running{::getpid(), self ? self->start_ticks : 0, until}),
          0600);
}

}  // namespace ops
