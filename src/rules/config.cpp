#include "rules/config.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "rules/error.hpp"
#include "rules/identity.hpp"
#include "rules/setting.hpp"
#include "rules/text.hpp"
#include "rules/yaml.hpp"

namespace ops {
namespace {

// The slowest transfer that a stall does not end, in bytes per second.
constexpr std::uint64_t stall_rate = 1024;

/// A value of the file, with what is needed to name it when it is refused.
class Value {
  public:
    Value(const YamlNode& node, std::string path, const std::string& file)
        : node_(node), path_(std::move(path)), file_(file) {}

    [[noreturn]] void refuse(const std::string& what) const { refuse(what, node_.line); }
    [[noreturn]] void refuse(const std::string& what, int line) const {
        const std::string place = file_ + ":" + std::to_string(line) + ": ";
        throw Error(place + (path_.empty() ? "" : path_ + ": ") + what, ExitCode::config);
    }

    [[nodiscard]] const YamlNode& node() const { return node_; }

    [[nodiscard]] Value key(std::size_t i) const {
        const std::string name = one_line(node_.keys[i].text, 80);
        return {node_.items[i], path_.empty() ? name : path_ + "." + name, file_};
    }
    [[nodiscard]] Value item(std::size_t i) const {
        return {node_.items[i], path_ + "[" + std::to_string(i) + "]", file_};
    }

    /// The text as `parse` (one of setting.hpp) reads it.
    template <typename Parse>
    [[nodiscard]] auto read(Parse parse) const {
        require(YamlNode::Kind::scalar, "a single value");
        try {
            return parse(node_.text);
        } catch (const Error& error) {
            refuse(error.what());
        }
    }
    [[nodiscard]] std::int64_t number(Range range) const {
        if (node_.quoted) refuse("is text, not a number; write it without quotes");
        return read([range](const std::string& text) { return parse_number(text, range); });
    }
    [[nodiscard]] std::chrono::seconds seconds(Range range) const {
        return std::chrono::seconds(number(range));
    }
    [[nodiscard]] std::uint64_t bytes(std::uint64_t min) const {
        return read([min](const std::string& text) { return parse_bytes(text, min); });
    }
    [[nodiscard]] std::string text(void (*check)(std::string_view)) const;

    void require(YamlNode::Kind kind, const std::string& what) const {
        if (node_.kind != kind) refuse("must be " + what + ", not " + to_string(node_.kind));
    }

  private:
    const YamlNode& node_;
    std::string path_;
    const std::string& file_;
};

/// The text, checked unless it is empty: that is "not set".
std::string Value::text(void (*check)(std::string_view)) const {
    return read([check](const std::string& text) {
        if (!text.empty()) check(text);
        return text;
    });
}

// --- the keys ---

struct Key {
    std::string_view name;
    void (*read)(const Value& value, Config& config);
};

void read_map(const Value& value, std::span<const Key> keys, Config& config);

constexpr Key timeout_keys[] = {
    {"connect", [](auto& v, auto& c) { c.timeouts.connect = v.seconds(timeout_range); }},
    {"report", [](auto& v, auto& c) { c.timeouts.report = v.seconds(timeout_range); }},
    {"download", [](auto& v, auto& c) { c.timeouts.download = v.seconds(timeout_range); }},
    {"stall", [](auto& v, auto& c) { c.timeouts.stall = v.seconds(timeout_range); }},
    {"status", [](auto& v, auto& c) { c.timeouts.status = v.seconds(timeout_range); }},
    {"start", [](auto& v, auto& c) { c.timeouts.start = v.seconds(timeout_range); }},
    {"stop", [](auto& v, auto& c) { c.timeouts.stop = v.seconds(timeout_range); }},
};

constexpr Key download_keys[] = {
    {"jobs", [](auto& v, auto& c) { c.download.jobs = static_cast<int>(v.number(jobs_range)); }},
    {"retries",
     [](auto& v, auto& c) { c.download.retries = static_cast<int>(v.number(retries_range)); }},
    {"max_rate", [](auto& v, auto& c) { c.download.max_rate = v.bytes(0); }},
    {"max_size", [](auto& v, auto& c) { c.download.max_size = v.bytes(1); }},
    {"max_unpacked", [](auto& v, auto& c) { c.download.max_unpacked = v.bytes(1); }},
};

constexpr Key rollback_keys[] = {
    {"retry_after",
     [](auto& v, auto& c) { c.rollback.retry_after = v.seconds(retry_after_range); }},
    {"probation", [](auto& v, auto& c) { c.rollback.probation = v.seconds(probation_range); }},
    {"max_restarts",
     [](auto& v, auto& c) {
         c.rollback.max_restarts = static_cast<int>(v.number(max_restarts_range));
     }},
};

constexpr Key tls_keys[] = {
    {"ca_file", [](auto& v, auto& c) { c.tls.ca_file = v.text(require_path); }},
    {"cert_file", [](auto& v, auto& c) { c.tls.cert_file = v.text(require_path); }},
    {"key_file", [](auto& v, auto& c) { c.tls.key_file = v.text(require_path); }},
};

constexpr Key verify_keys[] = {
    {"minisign_key", [](auto& v, auto& c) { c.minisign_key = v.text(require_path); }},
};

void read_agents(const Value& value, Config& config) {
    value.require(YamlNode::Kind::list, "a list of agents");
    if (value.node().items.empty()) {
        value.refuse("an empty list; leave the key out to handle all agents");
    }
    for (std::size_t i = 0; i < value.node().items.size(); ++i) {
        config.agents.push_back(value.item(i).read(agent_name));
    }
}

/// A list of agents, or a map from agent to reason.
void read_hold(const Value& value, Config& config) {
    const YamlNode& node = value.node();
    if (node.kind == YamlNode::Kind::list) {
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            config.hold.emplace(value.item(i).read(agent_name), "");
        }
        return;
    }
    value.require(YamlNode::Kind::map, "a list of agents");
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        const auto& [name, line] = node.keys[i];
        if (const std::string fault = name_fault(name); !fault.empty()) value.refuse(fault, line);
        const YamlNode& reason = node.items[i];
        if (reason.kind != YamlNode::Kind::null) {
            value.key(i).require(YamlNode::Kind::scalar, "a reason in one line");
        }
        if (!config.hold.emplace(name, one_line(trim(reason.text))).second) {
            value.refuse(name + " is named twice", line);
        }
    }
}

constexpr Key top_keys[] = {
    {"server", [](auto& v, auto& c) { c.server = v.text(require_server); }},
    {"protocol", [](auto& v, auto& c) { c.protocol = v.read(parse_protocol); }},
    {"hostname", [](auto& v, auto& c) { c.hostname = v.text(require_hostname); }},
    {"ops_dir", [](auto& v, auto& c) { c.ops_dir = v.text(require_path); }},
    {"interval", [](auto& v, auto& c) { c.interval = v.seconds(interval_range); }},
    {"splay", [](auto& v, auto& c) { c.splay = v.seconds(splay_range); }},
    {"agents", [](auto& v, auto& c) { read_agents(v, c); }},
    {"hold", [](auto& v, auto& c) { read_hold(v, c); }},
    {"keep_versions",
     [](auto& v, auto& c) { c.keep_versions = static_cast<int>(v.number(keep_versions_range)); }},
    {"timeouts", [](auto& v, auto& c) { read_map(v, timeout_keys, c); }},
    {"download", [](auto& v, auto& c) { read_map(v, download_keys, c); }},
    {"rollback", [](auto& v, auto& c) { read_map(v, rollback_keys, c); }},
    {"tls", [](auto& v, auto& c) { read_map(v, tls_keys, c); }},
    {"token_file", [](auto& v, auto& c) { c.token_file = v.text(require_path); }},
    {"netrc_file", [](auto& v, auto& c) { c.netrc_file = v.text(require_path); }},
    {"proxy", [](auto& v, auto& c) { c.proxy = v.text(require_proxy); }},
    {"verify", [](auto& v, auto& c) { read_map(v, verify_keys, c); }},
    {"metrics_file", [](auto& v, auto& c) { c.metrics_file = v.text(require_path); }},
};

struct Section {
    std::string_view name;
    std::span<const Key> keys;
};

constexpr Section sections[] = {
    {"timeouts", timeout_keys}, {"download", download_keys}, {"rollback", rollback_keys},
    {"tls", tls_keys},          {"verify", verify_keys},
};

/// What the writer of an unknown key probably meant: a key of the same map, else a key that
/// belongs into a section.
std::string suggestion(std::string_view name, std::span<const Key> keys) {
    std::vector<std::string> names;
    for (const Key& key : keys)
        names.emplace_back(key.name);
    if (const auto near = nearest(name, names)) return "; did you mean \"" + *near + "\"?";
    for (const Section& section : sections) {
        for (const Key& key : section.keys) {
            if (key.name != name) continue;
            return "; did you mean \"" + std::string(section.name) + "." + std::string(name) +
                   "\"?";
        }
    }
    return "";
}

void read_map(const Value& value, std::span<const Key> keys, Config& config) {
    const YamlNode& map = value.node();
    value.require(YamlNode::Kind::map, "a map of keys and values");
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
        const auto& [name, line] = map.keys[i];
        const auto key = std::find_if(keys.begin(), keys.end(),
                                      [&name = name](const Key& k) { return k.name == name; });
        const Value item = value.key(i);
        if (key == keys.end()) item.refuse("unknown key" + suggestion(name, keys), line);
        const bool again = std::any_of(map.keys.begin(), map.keys.begin() + static_cast<long>(i),
                                       [&name = name](const auto& k) { return k.text == name; });
        if (again) item.refuse("given twice", line);
        if (item.node().kind != YamlNode::Kind::null) key->read(item, config);
    }
}

// --- rules between keys ---

struct Fault {
    std::string_view section;
    std::string_view key;
    std::string what;
};

std::optional<Fault> cross_fault(const Config& config) {
    const DownloadLimits& download = config.download;
    const auto jobs = static_cast<std::uint64_t>(std::max(download.jobs, 1));
    if (download.max_rate != 0 && download.max_rate / jobs < stall_rate) {
        return Fault{"download", "max_rate",
                     "shared by " + std::to_string(jobs) +
                         " downloads it leaves each less than 1 KiB/s, which counts as stalled; "
                         "write at least " +
                         std::to_string(jobs) + "K, 0 for no limit, or lower download.jobs"};
    }
    if (!config.tls.cert_file.empty() && config.tls.key_file.empty()) {
        return Fault{"tls", "cert_file", "needs tls.key_file beside it"};
    }
    if (!config.tls.key_file.empty() && config.tls.cert_file.empty()) {
        return Fault{"tls", "key_file", "needs tls.cert_file beside it"};
    }
    return std::nullopt;
}

std::string path_of(const Fault& fault) {
    return std::string(fault.section) + "." + std::string(fault.key);
}

int line_of(const YamlNode& root, const Fault& fault) {
    const YamlNode* section = root.find(fault.section);
    const YamlNode* value = section == nullptr ? nullptr : section->find(fault.key);
    return value == nullptr ? root.line : value->line;
}

}  // namespace

Config parse_config(std::string_view text, const std::string& file) {
    Config config;
    const YamlNode root = parse_yaml(text, file);
    if (root.kind == YamlNode::Kind::null) return config;
    read_map(Value(root, "", file), top_keys, config);
    if (const auto fault = cross_fault(config)) {
        throw Error(file + ":" + std::to_string(line_of(root, *fault)) + ": " + path_of(*fault) +
                        ": " + fault->what,
                    ExitCode::config);
    }
    return config;
}

void check_config(const Config& config) {
    if (const auto fault = cross_fault(config)) {
        throw Error(path_of(*fault) + ": " + fault->what, ExitCode::config);
    }
}

std::vector<std::string> config_keys() {
    std::vector<std::string> names;
    for (const Key& key : top_keys) {
        const Section* section = std::find_if(std::begin(sections), std::end(sections),
                                              [&](const Section& s) { return s.name == key.name; });
        if (section == std::end(sections)) {
            names.emplace_back(key.name);
            continue;
        }
        for (const Key& inner : section->keys) {
            names.push_back(std::string(key.name) + "." + std::string(inner.name));
        }
    }
    return names;
}

std::chrono::seconds effective_splay(const Config& config) {
    return config.splay ? *config.splay : config.interval * 4 / 5;
}

}  // namespace ops
