// An agent's `./control` script: status, start, stop.
#pragma once

#include <string>
#include <vector>

#include "rules/config.hpp"
#include "rules/error.hpp"
#include "rules/identity.hpp"
#include "rules/layout.hpp"
#include "world/log.hpp"
#include "world/process.hpp"

namespace ops {

/// What `control status` told.
struct StatusReading {
    RunState state = RunState::unknown;
    std::string trouble;  ///< why it is unknown, one line; else empty
};

/// A control script that did not do what it was asked to.
class ScriptFailure : public Error {
  public:
    ScriptFailure(const std::string& cause, std::string output, bool ran)
        : Error(cause), output_(std::move(output)), ran_(ran) {}
    /// The script's last output, as it came; up to 64 KiB.
    [[nodiscard]] const std::string& output() const noexcept { return output_; }

    /// False where the script could not be run at all: then it has started nothing either.
    [[nodiscard]] bool ran() const noexcept { return ran_; }

  private:
    std::string output_;
    bool ran_;
};

/// Runs the scripts. Thread-safe on different agents. What is passed in must outlive it.
class Control {
  public:
    Control(const Layout& layout, const Timeouts& timeouts, Log& log);

    /// The status of many at once: `asked` are (agent, version). A signal that `stop` catches ends
    /// it.
    std::vector<StatusReading> statuses(
        const std::vector<std::pair<std::string, std::string>>& asked,
        const StopSignal* stop) const;

    [[nodiscard]] StatusReading status(const std::string& agent, const std::string& version) const;

    /// Starts and polls the status until it is started. Its output goes to control.log, which the
    /// daemon may go on writing. Throws ScriptFailure; Error where the host could not run the
    /// script (no process, memory or descriptor left), which says nothing of the version.
    void start(const std::string& agent, const std::string& version) const;

    /// Stops and polls until it is stopped; where the status stays unknown, a script that exited
    /// with 0 counts. Throws ScriptFailure.
    void stop(const std::string& agent, const std::string& version) const;

    /// Empties a control.log that has grown above 1 MiB; what prevents it is warned of. Throws
    /// Error where something else is in its place.
    void trim_log(const std::string& agent) const;

    /// The end of what the last start wrote to control.log; never throws.
    [[nodiscard]] std::string last_output(const std::string& agent) const;

  private:
    using Clock = std::chrono::steady_clock;

    [[nodiscard]] Command command(const std::string& agent, const std::string& version,
                                  const std::string& verb, std::chrono::milliseconds timeout) const;
    [[nodiscard]] StatusReading status_within(const std::string& agent, const std::string& version,
                                              Clock::time_point deadline) const;
    /// The last reading, or the first that is `wanted`.
    [[nodiscard]] StatusReading poll(const std::string& agent, const std::string& version,
                                     RunState wanted, Clock::time_point deadline) const;

    const Layout& layout_;
    Timeouts timeouts_;
    Log& log_;
    std::vector<std::string> environment_;
};

}  // namespace ops
