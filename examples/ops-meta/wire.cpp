#include "wire.hpp"

#include <nlohmann/json.hpp>

namespace meta {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t max_agents = 200;
constexpr std::size_t max_name = 255;
constexpr std::size_t max_error = 1000;

std::string text_field(const json& object, const char* key, std::size_t max_bytes) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return "";
    return clipped(found->get_ref<const std::string&>(), max_bytes);
}

std::vector<ReportedAgent> parse_agents(const json& list) {
    std::vector<ReportedAgent> agents;
    for (const json& entry : list) {
        if (agents.size() == max_agents) break;
        if (!entry.is_object()) continue;
        ReportedAgent agent{
            text_field(entry, "name", max_name), text_field(entry, "version", max_name),
            text_field(entry, "status", max_name), text_field(entry, "error", max_error)};
        if (!agent.name.empty()) agents.push_back(std::move(agent));
    }
    return agents;
}

std::string dump(const ordered_json& value) {
    // What cannot be UTF-8 is replaced rather than thrown for.
    return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

/// What to send for a digest rule. A digest that should be inline but cannot be had becomes the
/// digest file beside the tarball: the host then says what is missing.
std::string digest_value(const std::string& rule, DigestKind kind, const std::string& prefix,
                         const Wish& wish, const InlineDigest& inline_digest) {
    if (rule == "file") return prefix;
    if (rule == "inline") return inline_digest(kind, tarball_name(wish)).value_or(prefix);
    return rule;
}

}  // namespace

std::string to_string(Shape shape) {
    return shape == Shape::list ? "list" : "heartbeat";
}

Report parse_report(std::string_view body) {
    const json parsed = json::parse(body, nullptr, false);
    if (parsed.is_discarded()) throw BadRequest("the body is not JSON");
    if (parsed.is_array()) return {Shape::list, "", parse_agents(parsed)};
    if (!parsed.is_object() || !parsed.contains("realAgents")) {
        throw BadRequest("neither a list of agents nor an object with realAgents");
    }
    const json& agents = parsed["realAgents"];
    if (!agents.is_array() && !agents.is_null()) throw BadRequest("realAgents is no list");
    return {Shape::envelope, text_field(parsed, "hostname", max_name), parse_agents(agents)};
}

std::vector<AnswerEntry> answer_entries(const std::vector<Wish>& wishes,
                                        const std::string& own_tarballs,
                                        const InlineDigest& inline_digest) {
    std::vector<AnswerEntry> entries;
    for (const Wish& wish : wishes) {
        AnswerEntry entry;
        entry.name = wish.name;
        entry.version = wish.version;
        entry.cmd = wish.cmd == "none" ? "" : wish.cmd;
        entry.tarball = wish.tarball.empty() ? own_tarballs : wish.tarball;
        entry.md5 = digest_value(wish.md5, DigestKind::md5, entry.tarball, wish, inline_digest);
        if (wish.sha256) {
            entry.sha256 = digest_value(wish.sha256->empty() ? "file" : *wish.sha256,
                                        DigestKind::sha256, entry.tarball, wish, inline_digest);
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::string answer_body(Shape shape, const std::vector<AnswerEntry>& entries) {
    ordered_json list = ordered_json::array();
    for (const AnswerEntry& entry : entries) {
        ordered_json one = {{"name", entry.name},
                            {"version", entry.version},
                            {"tarball", entry.tarball},
                            {"md5", entry.md5},
                            {"cmd", entry.cmd}};
        if (entry.sha256) one["sha256"] = *entry.sha256;
        list.push_back(std::move(one));
    }
    if (shape == Shape::list) return dump(list);
    return dump(ordered_json{{"errorMessage", ""}, {"desiredAgents", std::move(list)}});
}

std::string refusal_body(const std::string& message) {
    return dump(ordered_json{{"errorMessage", message}, {"desiredAgents", ordered_json::array()}});
}

std::string clipped(std::string_view text, std::size_t max_bytes) {
    if (text.size() <= max_bytes) return std::string(text);
    std::size_t end = max_bytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
        --end;
    return std::string(text.substr(0, end));
}

}  // namespace meta
