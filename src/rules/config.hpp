// The configuration: every key of ops-updater.yaml with its default, and its checks.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/report.hpp"

namespace ops {

struct Timeouts {
    std::chrono::seconds connect{10};
    std::chrono::seconds report{30};     ///< the whole exchange with ops-meta
    std::chrono::seconds download{900};  ///< all tries of one file
    std::chrono::seconds stall{30};      ///< how long a transfer may be slower than 1 KiB/s
    std::chrono::seconds status{10};
    std::chrono::seconds start{60};  ///< the script and the polling after it
    std::chrono::seconds stop{60};   ///< likewise
};

struct DownloadLimits {
    int jobs = 4;                ///< downloads at once
    int retries = 3;             ///< tries after the first
    std::uint64_t max_rate = 0;  ///< bytes per second for the whole pass; 0: none
    std::uint64_t max_size = 2ULL * 1024 * 1024 * 1024;      ///< bytes of one tarball
    std::uint64_t max_unpacked = 8ULL * 1024 * 1024 * 1024;  ///< bytes of one unpacked tree
};

struct RollbackRules {
    std::chrono::seconds retry_after{600};
    std::chrono::seconds probation{3600};
    int max_restarts = 3;
};

struct TlsFiles {
    std::string ca_file;  ///< "": the system's CAs
    std::string cert_file;
    std::string key_file;
};

/// Everything that can be configured, by file or command line. Empty strings mean "not set";
/// defaults that depend on the host (hostname, ops dir, splay) are filled in by resolve().
struct Config {
    std::string server;  ///< as written; server_url() makes it a URL
    Protocol protocol = Protocol::list;
    std::string hostname;
    std::string ops_dir;
    std::chrono::seconds interval{300};
    std::optional<std::chrono::seconds> splay;  ///< nothing: 80 % of the interval
    bool debug = false;
    std::vector<std::string> agents;          ///< empty: all
    std::map<std::string, std::string> hold;  ///< agent -> reason
    int keep_versions = 3;                    ///< the current one included
    Timeouts timeouts;
    DownloadLimits download;
    RollbackRules rollback;
    TlsFiles tls;
    std::string token_file;
    std::string netrc_file;
    std::string proxy;
    std::string minisign_key;  ///< a minisign public key file; "": signatures are not asked for
    std::string metrics_file;
};

/// Reads the text of a configuration file onto the defaults. `file` is only named in errors.
/// Throws Error(config): "FILE:LINE: key: what is wrong", with the nearest key for an unknown one.
/// An empty file is a good one, a key without a value is not set, and what parse_config() returns
/// passes check_config().
Config parse_config(std::string_view text, const std::string& file);

/// Every key, with its section: "server", "timeouts.connect" …
std::vector<std::string> config_keys();

/// Rules that hold between keys, whoever set them (for instance a max_rate so low that the
/// stall limit would end every transfer). Throws Error(config).
void check_config(const Config& config);

/// The splay in force: the one that was set, else 80 % of the interval, so that a pass ends before
/// the next is due.
std::chrono::seconds effective_splay(const Config& config);

}  // namespace ops
