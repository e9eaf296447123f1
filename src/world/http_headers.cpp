#include "world/http_headers.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <utility>

#include "rules/text.hpp"

namespace ops {

namespace {

constexpr std::size_t max_validator = 512;

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; });
    return result;
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || rest != end) return std::nullopt;
    return value;
}

/// Printable ASCII: the value goes into a request and into a file of lines.
bool plain(std::string_view value) {
    return value.size() <= max_validator &&
           std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool strong_etag(std::string_view etag) {
    return etag.size() >= 3 && etag.front() == '"' && etag.back() == '"' &&
           etag.find('"', 1) == etag.size() - 1 && plain(etag);
}

bool old_enough(const std::string& last_modified, const std::string& date) {
    if (last_modified.empty() || !plain(last_modified)) return false;
    const time_t changed = curl_getdate(last_modified.c_str(), nullptr);
    const time_t answered = curl_getdate(date.c_str(), nullptr);
    return changed != -1 && answered != -1 && answered - changed >= 1;
}

}  // namespace

void HttpHeaders::take(std::string_view line) {
    const std::size_t seen = bytes + line.size();
    if (line.substr(0, 5) == "HTTP/") *this = {};
    bytes = seen;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::string name = lower(line.substr(0, colon));
    for (const auto& [known, field] : std::initializer_list<std::pair<const char*, std::string*>>{
             {"etag", &etag},
             {"last-modified", &last_modified},
             {"date", &date},
             {"content-range", &content_range},
             {"location", &location},
             {"retry-after", &retry_after},
             {"content-length", &content_length},
             {"transfer-encoding", &transfer_encoding}}) {
        if (name == known) *field = trim(line.substr(colon + 1));
    }
}

std::optional<std::uint64_t> HttpHeaders::length() const {
    return transfer_encoding.empty() ? number(content_length) : std::nullopt;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
    constexpr std::string_view unit = "bytes ";
    if (lower(value.substr(0, unit.size())) != unit) return std::nullopt;
    value.remove_prefix(unit.size());
    const std::size_t dash = value.find('-');
    const std::size_t slash = value.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) {
        return std::nullopt;
    }
    const auto first = number(value.substr(0, dash));
    const auto last = number(value.substr(dash + 1, slash - dash - 1));
    const auto total = number(value.substr(slash + 1));
    if (!first || !last || !total || *first > *last || *last >= *total) return std::nullopt;
    return ContentRange{*first, *last, *total};
}

std::optional<std::chrono::seconds> parse_retry_after(const std::string& value, std::int64_t now) {
    constexpr std::uint64_t week = 7UL * 24 * 3600;
    if (const auto seconds = number(value)) {
        return std::chrono::seconds(std::min(*seconds, week));
    }
    const time_t when = curl_getdate(value.c_str(), nullptr);
    if (value.empty() || when == -1) return std::nullopt;
    return std::chrono::seconds(std::max<std::int64_t>(0, when - now));
}

std::string range_validator(const HttpHeaders& headers) {
    if (strong_etag(headers.etag)) return headers.etag;
    if (headers.etag.empty() && old_enough(headers.last_modified, headers.date)) {
        return headers.last_modified;
    }
    return {};
}

}  // namespace ops
