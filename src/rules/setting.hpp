// What one setting may be, whoever sets it: the configuration file or the command line. Each
// function throws Error that says what is wrong, without a place and without an exit code of its
// own: file and command line name their own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rules/report.hpp"

namespace ops {

/// The whole numbers that a setting may have, both ends included.
struct Range {
    std::int64_t min;
    std::int64_t max;
};

inline constexpr Range interval_range{1, 86400};
inline constexpr Range splay_range{0, 86400};
inline constexpr Range timeout_range{1, 86400};
inline constexpr Range keep_versions_range{1, 1000};
inline constexpr Range jobs_range{1, 64};
inline constexpr Range retries_range{0, 20};
inline constexpr Range retry_after_range{1, 86400};  ///< the back-off ends at a day
inline constexpr Range probation_range{0, 604800};
inline constexpr Range max_restarts_range{1, 1000};

/// A plain decimal number: no sign, no leading zero, no unit.
std::int64_t parse_number(std::string_view text, Range range);

/// "2G", "512K", "100": at least `min` bytes, at most what a file can have.
std::uint64_t parse_bytes(std::string_view text, std::uint64_t min);

Protocol parse_protocol(std::string_view text);

/// An agent's name, returned as it is.
std::string agent_name(std::string_view text);

/// An address that server_url() understands.
void require_server(std::string_view text);

/// 1 to 253 visible ASCII characters: it is sent in a header.
void require_hostname(std::string_view text);

/// An absolute path.
void require_path(std::string_view text);

/// "host:port" or an http(s) URL. The message does not repeat it: it may hold a password.
void require_proxy(std::string_view text);

}  // namespace ops
