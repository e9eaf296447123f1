// The desired state as operators write it: defaults, and overrides by hostname prefix.
// Pure: text goes in, what one host should run comes out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meta {

/// What one layer says about one agent. What it does not say comes from the layer below.
struct AgentRule {
    bool absent = false;  ///< `agent:` with nothing behind it: not named to these hosts
    std::optional<std::string> version;
    std::optional<std::string> cmd;      ///< start, stop or none
    std::optional<std::string> tarball;  ///< URL prefix; not set: this server's own folder
    std::optional<std::string> md5;      ///< "", file, inline, a URL prefix, or 32 hex digits
    std::optional<std::string> sha256;   ///< likewise, 64 digits; not set: not sent
};

using Layer = std::map<std::string, AgentRule>;

struct DesiredState {
    std::string paused;                      ///< not empty: no host is told anything but this
    Layer defaults;                          ///< for all hosts
    std::map<std::string, Layer> overrides;  ///< by hostname prefix
};

/// What one host should do with one agent: all layers merged.
struct Wish {
    std::string name;
    std::string version;
    std::string cmd;      ///< start, stop or none
    std::string tarball;  ///< "": this server's own folder
    std::string md5;
    std::optional<std::string> sha256;
    bool operator==(const Wish&) const = default;
};

/// Reads the YAML text. Throws std::runtime_error ("line 7: …") for whatever could not be sent
/// to a host as it stands: unknown keys, bad names and versions, an agent without a version.
DesiredState parse_desired(const std::string& text);

/// The wishes for this host, by agent name. Every prefix that the hostname begins with applies,
/// shorter ones first, field by field: so the longest prefix wins, and a canary host's override
/// need say no more than the version.
std::vector<Wish> wishes_for(const DesiredState& state, std::string_view hostname);

/// "{name}-{version}.tar.gz".
std::string tarball_name(const Wish& wish);

}  // namespace meta
