// What people and their tools see: the plan, the status and the metrics as text. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rules/memory.hpp"
#include "rules/observed.hpp"
#include "rules/plan.hpp"

namespace ops {

enum class Format { text, json };

struct ViewStyle {
    bool colour = false;
    int columns = 100;  ///< text is laid out to fit; 0: no limit
};

/// Where a plan belongs to.
struct PlanContext {
    std::string host;
    std::string server;  ///< the URL, without secrets; "" where the desired state is from a file
};

/// `--dry-run`: a block an agent — versions, state, actions in order, why — then a summary line.
std::string plan_text(const Plan& plan, const PlanContext& context, const ViewStyle& style);

/// {"host","server","agents":[{"name","current","desired","cmd","status","actions","reason"}],
/// "errors":[…]}; null where there is nothing; status as people spell it (started, stopped,
/// unknown); errors are strings. Ends with a line feed.
std::string plan_json(const Plan& plan, const PlanContext& context);

/// One agent as `--status` shows it.
struct AgentStatus {
    Observed observed;
    AgentMemory memory;
    std::optional<Entry> desired;  ///< as last known, from the kept answer
};

struct StatusReport {
    std::string ops_dir;
    std::vector<AgentStatus> agents;
    std::optional<LastPass> last_pass;
    std::optional<Running> running;  ///< a live pass
    std::int64_t answer_at = 0;      ///< unix seconds of the kept answer; 0: none
    std::int64_t now = 0;
};

/// `--status`: a table of agents (version, run state, desired, held and why), then a block for each
/// that has trouble: cause, the script's last output, next try; then how the last pass ended.
std::string status_text(const StatusReport& report, const ViewStyle& style);

/// {"agents":[{"name","version","status","versions":[…],"held","failed"}]} and more beside; held is
/// the reason or null, failed null or {"version","cause","output","retry_at"} with ISO 8601. Ends
/// with a line feed.
std::string status_json(const StatusReport& report);

/// What a pass leaves for the metrics file.
struct PassMetrics {
    std::int64_t finished_at = 0;
    std::int64_t success_at = 0;  ///< 0: never yet
    double duration = 0;          ///< seconds, without the splay
    int exit_code = 0;
    struct Agent {
        std::string name;
        std::string version;
        bool up = false;
        bool in_sync = false;
        bool held = false;
        bool failed = false;
    };
    std::vector<Agent> agents;
    bool ops_meta_reachable = false;
    std::map<std::string, int> actions;  ///< the contract's words -> how often in this pass
};

/// Prometheus text exposition, `promtool check metrics` clean.
std::string metrics_text(const PassMetrics& metrics);

}  // namespace ops
