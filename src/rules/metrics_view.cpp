#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "rules/text.hpp"
#include "rules/views.hpp"

namespace ops {
namespace {

/// A label's value as the exposition format has it: one line of UTF-8, quotes and backslashes
/// escaped.
std::string label(std::string_view name, std::string_view value) {
    std::string text(name);
    text += "=\"";
    for (const char c : one_line(value)) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
    }
    return text + '"';
}

/// Milliseconds are enough, and no locale gets a say.
std::string number(double value) {
    if (!std::isfinite(value)) return "0";
    std::array<char, 350> buffer{};  // the largest double has 309 digits
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                   std::chars_format::fixed, 3);
    return {buffer.data(), end.ptr};
}

/// Families of series, one after the other. A family without a series is left out as a whole.
class Exposition {
  public:
    /// All are gauges: a pass does not live long enough to count.
    void family(std::string_view name, std::string_view help) {
        name_ = name;
        header_ = "# HELP " + name_ + " ";
        header_.append(help).append("\n# TYPE " + name_ + " gauge\n");
    }

    void series(const std::string& labels, const std::string& value) {
        text_ += std::exchange(header_, "") + name_;
        if (!labels.empty()) text_ += "{" + labels + "}";
        text_ += " " + value + "\n";
    }

    void single(std::string_view name, std::string_view help, const std::string& value) {
        family(name, help);
        series("", value);
    }

    [[nodiscard]] std::string text() && { return std::move(text_); }

  private:
    std::string name_;
    std::string header_;  ///< not yet written
    std::string text_;
};

void put_pass(Exposition& out, const PassMetrics& metrics) {
    out.family("ops_updater_build_info", "The version of ops-updater; always 1.");
    out.series(label("version", OPS_UPDATER_VERSION), "1");
    if (metrics.finished_at > 0)
        out.single("ops_updater_last_pass_timestamp_seconds", "When the last pass ended.",
                   std::to_string(metrics.finished_at));
    if (metrics.success_at > 0)
        out.single("ops_updater_last_success_timestamp_seconds",
                   "When a pass last ended with exit code 0.", std::to_string(metrics.success_at));
    out.single("ops_updater_pass_duration_seconds",
               "How long the last pass took, without its splay.", number(metrics.duration));
    out.single("ops_updater_last_pass_exit_code",
               "What the last pass exited with: 0 converged, 1 an agent failed, 69 ops-meta down.",
               std::to_string(metrics.exit_code));
    out.single("ops_updater_ops_meta_up", "1 if ops-meta gave a usable answer in the last pass.",
               metrics.ops_meta_reachable ? "1" : "0");
}

void put_agents(Exposition& out, const PassMetrics& metrics) {
    using Agent = PassMetrics::Agent;
    const auto flags = [&](std::string_view name, std::string_view help, bool Agent::*flag) {
        out.family(name, help);
        for (const Agent& agent : metrics.agents)
            out.series(label("name", agent.name), agent.*flag ? "1" : "0");
    };
    out.family("ops_updater_agent_up", "1 if the agent's status is started.");
    for (const Agent& agent : metrics.agents)
        out.series(label("name", agent.name) + "," + label("version", agent.version),
                   agent.up ? "1" : "0");
    flags("ops_updater_agent_in_sync",
          "1 if the agent has the version and the run state that ops-meta wants.", &Agent::in_sync);
    flags("ops_updater_agent_held", "1 if an operator holds the agent.", &Agent::held);
    flags("ops_updater_agent_failed",
          "1 if a bad version of the agent is waited out, or the last pass failed with it.",
          &Agent::failed);
}

void put_actions(Exposition& out, const PassMetrics& metrics) {
    out.family("ops_updater_actions", "How often the last pass did this.");
    for (const auto& [action, count] : metrics.actions)
        out.series(label("action", action), std::to_string(count));
}

}  // namespace

std::string metrics_text(const PassMetrics& metrics) {
    Exposition out;
    put_pass(out, metrics);
    put_agents(out, metrics);
    put_actions(out, metrics);
    return std::move(out).text();
}

}  // namespace ops
