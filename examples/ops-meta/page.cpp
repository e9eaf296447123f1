#include "page.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "journal.hpp"

namespace meta {
namespace {

constexpr std::size_t max_rows = 2000;

constexpr std::string_view head = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="60">
<title>ops-meta</title><style>
body{font:14px/1.5 system-ui,sans-serif;margin:1.5em;color:#222}
table{border-collapse:collapse;margin:.5em 0 1.5em}
th,td{border:1px solid #ccc;padding:.25em .6em;text-align:left;vertical-align:top}
th{background:#f3f3f3}.late td{background:#fff3d6}.trouble td{background:#fde3e3}
.fault{background:#fde3e3;border:1px solid #c33;padding:.5em}.error{color:#a00}.dim{color:#777}
</style></head><body><h1>ops-meta</h1>
)";

std::string ago(std::int64_t seconds) {
    if (seconds < 0) seconds = 0;
    if (seconds < 120) return std::to_string(seconds) + " s ago";
    if (seconds < 7200) return std::to_string(seconds / 60) + " min ago";
    if (seconds < 172800) return std::to_string(seconds / 3600) + " h ago";
    return std::to_string(seconds / 86400) + " days ago";
}

bool is_late(const View& view, const Host& host) {
    return view.now - host.last_report > view.late_after;
}

bool has_error(const Host& host) {
    return std::any_of(host.agents.begin(), host.agents.end(),
                       [](const ReportedAgent& agent) { return !agent.error.empty(); });
}

std::string status_wanted(const Wish& wish) {
    if (wish.cmd == "start") return "started";
    if (wish.cmd == "stop") return "stoped";  // spelled so on the wire
    return "";
}

std::string rule_text(const AgentRule& rule) {
    if (rule.absent) return "not named";
    std::string text;
    const auto add = [&](const char* field, const std::optional<std::string>& value) {
        if (value) text += (text.empty() ? "" : ", ") + std::string(field) + " " + *value;
    };
    add("version", rule.version);
    add("cmd", rule.cmd);
    add("tarball", rule.tarball);
    add("md5", rule.md5);
    add("sha256", rule.sha256);
    return text;
}

void add_layer(std::string& html, const std::string& who, const Layer& layer) {
    for (const auto& [name, rule] : layer) {
        html += "<tr><td>" + who + "</td><td>" + html_escaped(name) + "</td><td>" +
                html_escaped(rule_text(rule)) + "</td></tr>\n";
    }
}

std::string desired_table(const View& view) {
    std::string html = "<h2>Desired</h2>\n";
    if (!view.desired.fault.empty()) {
        html += "<p class=fault>The desired file is not good and not in force: " +
                html_escaped(view.desired.fault) + ". The last good one is.</p>\n";
    }
    if (!view.desired.state->paused.empty()) {
        html += "<p class=fault>Paused: " + html_escaped(view.desired.state->paused) + "</p>\n";
    }
    for (const std::string& file : view.missing_tarballs) {
        html += "<p class=fault>No such tarball here: " + html_escaped(file) + "</p>\n";
    }
    html += "<table><tr><th>hosts</th><th>agent</th><th>wanted</th></tr>\n";
    add_layer(html, "all", view.desired.state->defaults);
    for (const auto& [prefix, layer] : view.desired.state->overrides) {
        add_layer(html, html_escaped(prefix) + "…", layer);
    }
    return html + "</table>\n";
}

std::string agent_line(const ReportedAgent& agent, const std::map<std::string, Wish>& wishes) {
    std::string html = html_escaped(agent.name) + " " +
                       (agent.version.empty() ? "–" : html_escaped(agent.version)) + " " +
                       html_escaped(agent.status);
    const auto found = wishes.find(agent.name);
    if (found != wishes.end() && !status_wanted(found->second).empty() &&
        (found->second.version != agent.version || status_wanted(found->second) != agent.status)) {
        html += " <span class=dim>(wanted: " + html_escaped(found->second.version) + " " +
                status_wanted(found->second) + ")</span>";
    }
    if (!agent.error.empty()) {
        html += "<br><span class=error>" + html_escaped(agent.error) + "</span>";
    }
    return html;
}

std::string host_row(const View& view, const Host& host) {
    std::map<std::string, Wish> wishes;
    for (Wish& wish : wishes_for(*view.desired.state, host.name))
        wishes[wish.name] = wish;

    const bool late = is_late(view, host);
    const char* mark = has_error(host) ? " class=trouble" : (late ? " class=late" : "");
    std::string html = "<tr" + std::string(mark) + "><td>" + html_escaped(host.name) + "</td><td>" +
                       html_escaped(host.address) + "</td><td>" + iso_time(host.last_report) +
                       "<br>" + ago(view.now - host.last_report) + (late ? ", late" : "") +
                       "</td><td>" + to_string(host.shape) + "</td><td>";
    for (std::size_t i = 0; i < host.agents.size(); ++i) {
        html += (i > 0 ? "<br>" : "") + agent_line(host.agents[i], wishes);
    }
    return html + "</td></tr>\n";
}

std::string hosts_table(const View& view) {
    std::vector<const Host*> rows;
    for (const Host& host : view.hosts)
        rows.push_back(&host);
    const auto calm = [&](const Host* host) { return !has_error(*host) && !is_late(view, *host); };
    std::stable_partition(rows.begin(), rows.end(), [&](const Host* host) { return !calm(host); });
    const auto calm_ones = std::count_if(rows.begin(), rows.end(), calm);

    std::string html = "<h2>Hosts</h2>\n<p>" + std::to_string(rows.size()) + " hosts, " +
                       std::to_string(static_cast<std::ptrdiff_t>(rows.size()) - calm_ones) +
                       " with trouble or silent for more than " +
                       std::to_string(view.late_after / 60) +
                       " min. As JSON: <a href=\"/hosts.json\">hosts.json</a></p>\n"
                       "<table><tr><th>host</th><th>address</th><th>last report</th>"
                       "<th>protocol</th><th>agents</th></tr>\n";
    for (std::size_t i = 0; i < rows.size() && i < max_rows; ++i)
        html += host_row(view, *rows[i]);
    html += "</table>\n";
    if (rows.size() > max_rows) {
        html += "<p>and " + std::to_string(rows.size() - max_rows) + " more in hosts.json</p>\n";
    }
    return html;
}

}  // namespace

std::string html_page(const View& view) {
    return std::string(head) + desired_table(view) + hosts_table(view) + "</body></html>\n";
}

std::string json_page(const View& view) {
    using nlohmann::ordered_json;
    const auto or_null = [](const std::string& text) {
        return text.empty() ? ordered_json(nullptr) : ordered_json(text);
    };
    ordered_json hosts = ordered_json::array();
    for (const Host& host : view.hosts) {
        ordered_json agents = ordered_json::array();
        for (const ReportedAgent& agent : host.agents) {
            agents.push_back({{"name", agent.name},
                              {"version", agent.version},
                              {"status", agent.status},
                              {"error", or_null(agent.error)}});
        }
        hosts.push_back({{"hostname", host.name},
                         {"address", host.address},
                         {"protocol", to_string(host.shape)},
                         {"last_report", iso_time(host.last_report)},
                         {"reports", host.reports},
                         {"late", is_late(view, host)},
                         {"agents", std::move(agents)}});
    }
    const ordered_json page = {{"time", iso_time(view.now)},
                               {"desired_fault", or_null(view.desired.fault)},
                               {"paused", or_null(view.desired.state->paused)},
                               {"missing_tarballs", view.missing_tarballs},
                               {"hosts", std::move(hosts)}};
    return page.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string html_escaped(std::string_view text) {
    std::string html;
    for (const char c : text) {
        switch (c) {
            case '&':
                html += "&amp;";
                break;
            case '<':
                html += "&lt;";
                break;
            case '>':
                html += "&gt;";
                break;
            case '"':
                html += "&quot;";
                break;
            case '\'':
                html += "&#39;";
                break;
            default:
                html += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? '?' : c;
        }
    }
    return html;
}

}  // namespace meta
