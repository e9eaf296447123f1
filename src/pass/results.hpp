// What a pass leaves behind: its last log line, the metrics, a word for --status.
#pragma once

#include <chrono>
#include <vector>

#include "agents/handle.hpp"
#include "pass/ops_meta.hpp"

namespace ops {

/// Begins to count the pass's time when it is made.
class PassResults {
  public:
    PassResults(const Layout& layout, const Config& config, Log& log)
        : layout_(layout), config_(config), log_(log) {}

    /// Logs the wrong entries and the summary, writes metrics and memory. Never throws: what cannot
    /// be written is logged.
    void record(const Plan& plan, const std::vector<AgentOutcome>& outcomes, const Answer& answer,
                const std::vector<Observed>& observed, int exit_code);

  private:
    using Clock = std::chrono::steady_clock;

    void log_summary(const Plan& plan, const std::vector<AgentOutcome>& outcomes,
                     const Answer& answer, int exit_code, double seconds);
    void remember(const Plan& plan, const Answer& answer, int exit_code, double seconds,
                  std::int64_t& success_at);
    void write_metrics(const Plan& plan, const std::vector<AgentOutcome>& outcomes,
                       const Answer& answer, const std::vector<Observed>& observed, int exit_code,
                       double seconds, std::int64_t success_at);

    const Layout& layout_;
    const Config& config_;
    Log& log_;
    Clock::time_point began_ = Clock::now();
};

/// How the last pass ended; nothing where that is not known.
std::optional<LastPass> last_pass(const Layout& layout);

}  // namespace ops
