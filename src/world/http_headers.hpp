// The header fields of an answer that this program looks at, and what their values mean.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ops {

/// Collects header lines as libcurl hands them out, one at a time. A new status line (after
/// "100 Continue") begins anew. Values are trimmed; of a field that comes twice the last counts.
struct HttpHeaders {
    std::string etag, last_modified, date, content_range, location, retry_after;
    std::string content_length, transfer_encoding;
    std::size_t bytes = 0;  ///< of all lines so far, interim answers included

    void take(std::string_view line);

    /// Of the body, where the answer tells it.
    [[nodiscard]] std::optional<std::uint64_t> length() const;
};

/// "bytes 5-9/10": first and last are positions.
struct ContentRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t total = 0;
};

/// Nothing for "*" in any place, another unit, or numbers that contradict each other.
std::optional<ContentRange> parse_content_range(std::string_view value);

/// Seconds to wait, out of seconds or an HTTP date (past: 0). Nothing where it is neither.
std::optional<std::chrono::seconds> parse_retry_after(const std::string& value, std::int64_t now);

/// What `If-Range` may carry for this answer: a strong ETag, or else a Last-Modified that is at
/// least a second older than the answer's Date (RFC 9110, 13.1.5: a younger one may hide a second
/// change within the same second). "" where the answer has neither.
std::string range_validator(const HttpHeaders& headers);

}  // namespace ops
