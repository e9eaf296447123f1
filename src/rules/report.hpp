// The report to ops-meta, as values and as text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rules/identity.hpp"

namespace ops {

/// How the report is worded: the seed's list, or deployed open-falcon servers' heartbeat.
enum class Protocol { list, heartbeat };

std::string to_string(Protocol protocol);

struct ReportEntry {
    std::string name;
    std::string version;
    RunState status = RunState::unknown;
    std::string error;  ///< empty: no trouble, and no such field on the wire
    bool operator==(const ReportEntry&) const = default;
};

/// The request's body, JSON. `now` is in unix seconds (heartbeat only).
std::string report_body(Protocol protocol, const std::string& hostname,
                        const std::vector<ReportEntry>& entries, std::int64_t now);

}  // namespace ops
