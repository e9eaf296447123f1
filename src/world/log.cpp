#include "world/log.hpp"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "rules/text.hpp"
#include "world/progress.hpp"

namespace ops {

namespace {

/// What one write(2) puts into a pipe in one piece: PIPE_BUF.
constexpr std::size_t max_line = 4096;
constexpr std::size_t max_message = 4000;
constexpr std::int64_t redraw_ms = 100;

std::int64_t steady_ms() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string local_time() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::localtime_r(&now, &parts);
    std::array<char, 40> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S%z", &parts);
    return {text.data(), size};
}

std::string_view name_of(Level level) {
    switch (level) {
        case Level::debug:
            return "DEBUG";
        case Level::info:
            return "INFO ";
        case Level::warning:
            return "WARN ";
        case Level::error:
            break;
    }
    return "ERROR";
}

std::string_view colour_of(Level level) {
    switch (level) {
        case Level::debug:
            return "\x1b[2m";
        case Level::info:
            return "\x1b[32m";
        case Level::warning:
            return "\x1b[33m";
        case Level::error:
            break;
    }
    return "\x1b[1;31m";
}

/// Nobody can be told when this fails.
void write_to_stderr(std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(STDERR_FILENO, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

bool is_set(const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr && *value != '\0';
}

bool is_smart_terminal() {
    const char* type = std::getenv("TERM");
    return ::isatty(STDERR_FILENO) == 1 && type != nullptr && *type != '\0' &&
           std::string_view(type) != "dumb";
}

/// systemd says which stream it reads: it may have been redirected since.
bool is_journal() {
    const char* value = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (value == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
    return std::string_view(value) ==
           std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

Screen screen_or(int columns) {
    winsize size{};
    const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;
    return {known && size.ws_col > 0 ? size.ws_col : static_cast<std::size_t>(std::max(columns, 1)),
            known && size.ws_row > 0 ? size.ws_row : std::size_t{24}};
}

}  // namespace

LogStyle detect_log_style(bool debug) {
    LogStyle style;
    style.debug = debug;
    style.times = !is_journal();
    style.terminal = is_smart_terminal();
    style.colour = style.terminal && !is_set("NO_COLOR");
    style.columns = static_cast<int>(screen_or(style.columns).columns);
    return style;
}

Log::Log(LogStyle style) : style_(style), drawn_at_ms_(-redraw_ms) {}

Log::~Log() {
    write_to_stderr(take_back());
}

void Log::line(Level level, std::string_view agent, std::string_view message) {
    if (level == Level::debug && !style_.debug) return;
    const std::string_view dim = style_.colour ? "\x1b[2m" : "";
    const std::string_view plain = style_.colour ? "\x1b[0m" : "";
    std::string text;
    if (style_.times) text.append(dim).append(local_time()).append(plain).append(" ");
    if (style_.colour) text.append(colour_of(level));
    text.append(name_of(level)).append(plain).append(" ");
    if (!agent.empty()) text.append(one_line(agent, 200)).append(": ");
    text.append(one_line(message, std::min(max_message, max_line - 1 - text.size())));
    text.push_back('\n');

    const std::lock_guard lock(mutex_);
    const std::string clearing = take_back();
    write_to_stderr(clearing + text + picture());
}

void Log::progress(const std::string& agent, const std::string& step, std::uint64_t done,
                   std::uint64_t total) {
    if (!style_.terminal) return;
    const std::lock_guard lock(mutex_);
    const std::int64_t now = steady_ms();
    const auto found = items_.find(agent);
    const bool begins = !step.empty() && (found == items_.end() || found->second.step() != step);
    const bool ends = step.empty() && found != items_.end();
    if (begins) items_.insert_or_assign(agent, ProgressItem(step, done, now));
    if (ends) items_.erase(found);
    if (!step.empty()) items_.at(agent).update(done, total, now);
    // A step that begins or ends is shown at once: nothing may come for long after it.
    if (!begins && !ends && now - drawn_at_ms_ < redraw_ms) return;
    const std::string clearing = take_back();
    write_to_stderr(clearing + picture());
}

std::string Log::picture() {
    if (items_.empty()) return {};
    std::string text;
    for (const std::string& line : progress_lines(items_, screen_or(style_.columns))) {
        text.append(line).push_back('\n');
        ++drawn_lines_;
    }
    drawn_at_ms_ = steady_ms();
    return text;
}

std::string Log::take_back() {
    if (drawn_lines_ == 0) return {};
    // To the first line of the display, then clear to the end of the screen.
    return "\x1b[" + std::to_string(std::exchange(drawn_lines_, 0)) + "A\x1b[J";
}

}  // namespace ops
