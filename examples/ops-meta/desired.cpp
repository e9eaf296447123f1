#include "desired.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <functional>
#include <set>
#include <stdexcept>

namespace meta {
namespace {

using OnPair = std::function<void(const std::string& key, const YAML::Node& value)>;

[[noreturn]] void fail(const YAML::Node& node, const std::string& message) {
    throw std::runtime_error("line " + std::to_string(node.Mark().line + 1) + ": " + message);
}

void for_each_pair(const YAML::Node& node, const std::string& what, const OnPair& on_pair) {
    if (!node.IsMap()) fail(node, what + " must be a mapping");
    std::set<std::string> seen;
    for (const auto& pair : node) {
        if (!pair.first.IsScalar()) fail(pair.first, what + ": a key must be plain text");
        const std::string& key = pair.first.Scalar();
        if (!seen.insert(key).second) fail(pair.first, key + " is there twice");
        on_pair(key, pair.second);
    }
}

bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_word(std::string_view text) {
    constexpr std::string_view others = "._+~-";
    return !text.empty() && text.size() <= 128 && is_alnum(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return is_alnum(c) || others.find(c) != std::string_view::npos;
           });
}

bool is_hex(std::string_view text, std::size_t length) {
    return text.size() == length &&
           text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

bool is_url(std::string_view text) {
    const bool scheme = text.starts_with("http://") || text.starts_with("https://");
    return scheme && std::none_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
           });
}

bool is_digest_rule(std::string_view text, std::size_t hex_length) {
    return text.empty() || text == "file" || text == "inline" || is_hex(text, hex_length) ||
           is_url(text);
}

std::string text_of(const YAML::Node& node, const std::string& key) {
    if (node.IsNull()) return "";
    if (!node.IsScalar()) fail(node, key + " must be plain text");
    return node.Scalar();
}

AgentRule parse_rule(const std::string& agent, const YAML::Node& node) {
    AgentRule rule;
    if (node.IsNull()) {
        rule.absent = true;
        return rule;
    }
    for_each_pair(node, agent, [&](const std::string& key, const YAML::Node& value) {
        const std::string text = text_of(value, key);
        const auto check = [&](bool good, const char* wanted) {
            if (!good) fail(value, key + " must be " + wanted + ", not \"" + text + "\"");
        };
        if (key == "version") {
            check(is_word(text), "1 to 128 of A-Z a-z 0-9 . _ + ~ -");
            check(agent.size() + text.size() <= 200, "shorter: name and version together 200");
            rule.version = text;
        } else if (key == "cmd") {
            check(text == "start" || text == "stop" || text == "none", "start, stop or none");
            rule.cmd = text;
        } else if (key == "tarball") {
            check(text.empty() || is_url(text), "an http or https URL");
            rule.tarball = text;
        } else if (key == "md5") {
            check(is_digest_rule(text, 32), "empty, file, inline, a URL or 32 hex digits");
            rule.md5 = text;
        } else if (key == "sha256") {
            check(is_digest_rule(text, 64), "empty, file, inline, a URL or 64 hex digits");
            rule.sha256 = text;
        } else {
            fail(value, "unknown key " + key + " (known: version cmd tarball md5 sha256)");
        }
    });
    return rule;
}

Layer parse_layer(const YAML::Node& node, const std::string& what) {
    Layer layer;
    if (node.IsNull()) return layer;
    for_each_pair(node, what, [&](const std::string& name, const YAML::Node& value) {
        if (!is_word(name) || name.starts_with("ops-updater")) {
            fail(value, "\"" + name + "\" cannot be an agent's name");
        }
        layer[name] = parse_rule(name, value);
    });
    return layer;
}

void lay_over(Layer& below, const Layer& layer) {
    const auto take = [](auto& old, const auto& value) {
        if (value) old = value;
    };
    for (const auto& [name, rule] : layer) {
        AgentRule& merged = below[name];
        merged.absent = rule.absent;
        take(merged.version, rule.version);
        take(merged.cmd, rule.cmd);
        take(merged.tarball, rule.tarball);
        take(merged.md5, rule.md5);
        take(merged.sha256, rule.sha256);
    }
}

void require_versions(const DesiredState& state, const std::string& prefix) {
    for (const Wish& wish : wishes_for(state, prefix)) {
        if (wish.version.empty() && wish.cmd != "none") {
            throw std::runtime_error(
                wish.name + " has no version" +
                (prefix.empty() ? "" : " for hosts that begin with " + prefix));
        }
    }
}

}  // namespace

DesiredState parse_desired(const std::string& text) {
    YAML::Node root;
    try {
        root = YAML::Load(text);
    } catch (const YAML::Exception& error) {
        throw std::runtime_error("line " + std::to_string(error.mark.line + 1) + ": " + error.msg);
    }
    // An editor that is killed while it saves leaves an empty file: no good reason to change a
    // fleet.
    if (!root.IsDefined() || root.IsNull()) throw std::runtime_error("there is nothing in it");

    DesiredState state;
    for_each_pair(root, "the file", [&](const std::string& key, const YAML::Node& value) {
        if (key == "paused") {
            state.paused = text_of(value, key);
        } else if (key == "defaults") {
            state.defaults = parse_layer(value, key);
        } else if (key == "overrides") {
            if (value.IsNull()) return;
            for_each_pair(value, key, [&](const std::string& prefix, const YAML::Node& layer) {
                state.overrides[prefix] = parse_layer(layer, prefix);
            });
        } else {
            fail(value, "unknown key " + key + " (known: paused defaults overrides)");
        }
    });

    // Whatever a hostname is, the layers that apply to it are those of one prefix or of none.
    require_versions(state, "");
    for (const auto& [prefix, layer] : state.overrides)
        require_versions(state, prefix);
    return state;
}

std::vector<Wish> wishes_for(const DesiredState& state, std::string_view hostname) {
    Layer merged = state.defaults;
    // The map's order has every prefix before the longer ones that begin with it.
    for (const auto& [prefix, layer] : state.overrides) {
        if (hostname.starts_with(prefix)) lay_over(merged, layer);
    }
    std::vector<Wish> wishes;
    for (const auto& [name, rule] : merged) {
        if (rule.absent) continue;
        wishes.push_back({name, rule.version.value_or(""), rule.cmd.value_or("start"),
                          rule.tarball.value_or(""), rule.md5.value_or(""), rule.sha256});
    }
    return wishes;
}

std::string tarball_name(const Wish& wish) {
    return wish.name + "-" + wish.version + ".tar.gz";
}

}  // namespace meta
