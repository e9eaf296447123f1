#include "rules/report.hpp"

#include "rules/json.hpp"
#include "rules/text.hpp"

namespace ops {
namespace {

using nlohmann::ordered_json;  // the fields in the order that the seed document shows

ordered_json entry_json(const ReportEntry& entry) {
    ordered_json object;
    object["name"] = entry.name;
    object["version"] = entry.version;
    object["status"] = wire_name(entry.status);
    if (!entry.error.empty()) object["error"] = one_line(entry.error);
    return object;
}

}  // namespace

std::string to_string(Protocol protocol) {
    return protocol == Protocol::list ? "list" : "heartbeat";
}

std::string report_body(Protocol protocol, const std::string& hostname,
                        const std::vector<ReportEntry>& entries, std::int64_t now) {
    ordered_json list = ordered_json::array();
    for (const ReportEntry& entry : entries) {
        ordered_json object = entry_json(entry);
        if (protocol == Protocol::heartbeat) object["timestamp"] = now;
        list.push_back(std::move(object));
    }
    if (protocol == Protocol::list) return dump_json(list);
    ordered_json envelope;
    envelope["hostname"] = hostname;
    envelope["realAgents"] = std::move(list);
    return dump_json(envelope);
}

}  // namespace ops
