// The log: a line an event on stderr, and the progress display where stderr is a terminal.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace ops {

class ProgressItem;

enum class Level { debug, info, warning, error };

struct LogStyle {
    bool debug = false;     ///< debug lines are written
    bool times = true;      ///< each line begins with the local time; not under the journal
    bool terminal = false;  ///< progress, and colour unless it is unwanted
    int columns = 80;       ///< where the terminal does not say
    bool colour = false;    ///< not with $NO_COLOR
};

/// The style for this process's stderr: a terminal, the journal ($JOURNAL_STREAM), or a file.
LogStyle detect_log_style(bool debug);

/// Thread-safe. Rules: info only when something changed or ends; a message is one line (made so
/// here); agent first. A write that fails is ignored: a full disk must not stop a pass.
class Log {
  public:
    explicit Log(LogStyle style);
    ~Log();  ///< clears the progress display
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    /// "TIME LEVEL agent: message"; `agent` may be empty.
    void line(Level level, std::string_view agent, std::string_view message);
    void debug(std::string_view agent, std::string_view message) {
        line(Level::debug, agent, message);
    }
    void info(std::string_view agent, std::string_view message) {
        line(Level::info, agent, message);
    }
    void warning(std::string_view agent, std::string_view message) {
        line(Level::warning, agent, message);
    }
    void error(std::string_view agent, std::string_view message) {
        line(Level::error, agent, message);
    }

    [[nodiscard]] bool debugging() const { return style_.debug; }
    [[nodiscard]] bool terminal() const { return style_.terminal; }

    /// What the agent is doing just now ("downloading 1.0.1", "stopping 1.0.0"), or "" for no
    /// longer. Shown on a terminal alone. `total` 0: unknown; `done` and `total` in bytes.
    void progress(const std::string& agent, const std::string& step, std::uint64_t done = 0,
                  std::uint64_t total = 0);

  private:
    std::string picture();    ///< the progress display, from now on drawn
    std::string take_back();  ///< what removes it from the terminal again

    LogStyle style_;
    std::mutex mutex_;
    std::map<std::string, ProgressItem> items_;
    int drawn_lines_ = 0;
    std::int64_t drawn_at_ms_;
};

}  // namespace ops
