// Small pure functions on text that others wrote.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ops {

/// `text` without white space (blank, tab, CR, LF, VT, FF) at either end.
std::string_view trim(std::string_view text);

/// `text` as one line fit for a log or a terminal: white space at either end goes, line breaks (CR
/// LF is one) and tabs become a blank, control characters (C0, DEL, C1 and bidirectional overrides
/// in UTF-8) and bytes that are not UTF-8 become '?'. At most `max_bytes` bytes; what is longer
/// loses its *beginning* (the last words of a failing script are the ones that matter) and then
/// starts with "…".
std::string one_line(std::string_view text, std::size_t max_bytes = 500);

/// Like one_line(), but keeps line feeds and does not trim or shorten: for output shown as a block.
std::string printable(std::string_view text);

/// Bytes of "2G", "512K", "100", "8M" (1024-based, upper or lower case, no sign, no blank).
/// Nothing where the text is no size or does not fit.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// "1.5 MiB": for people.
std::string human_size(std::uint64_t bytes);

/// "2h 5m", "45s", "250ms": for people.
std::string human_duration(double seconds);

/// The candidate nearest to `word` by edit distance, if it is near enough to be a typing
/// mistake (distance at most 2, and less than half of the word).
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

/// Unix seconds as ISO 8601 in UTC: "2026-01-31T09:15:00Z".
std::string iso_time(std::int64_t unix_seconds);

}  // namespace ops
