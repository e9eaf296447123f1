#include "rules/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace ops {
namespace {

constexpr std::string_view white_space = " \t\r\n\v\f";
constexpr std::string_view ellipsis = "…";

struct Character {
    char32_t code = 0;
    std::size_t length = 0;  ///< in bytes; 0: the text does not begin with a UTF-8 character
};

std::size_t utf8_length(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (lead >= 0xe0 && lead <= 0xef) return 3;
    if (lead >= 0xf0 && lead <= 0xf4) return 4;
    return 0;
}

/// Overlong forms, surrogates and what lies beyond Unicode are no characters.
Character first_character(std::string_view text) {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const std::size_t length = utf8_length(byte(0));
    if (length == 0 || length > text.size()) return {};
    if (length == 1) return {byte(0), 1};
    char32_t code = byte(0) & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80U) return {};
        code = (code << 6U) | (byte(i) & 0x3fU);
    }
    constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (code < smallest[length] || code > 0x10ffff || surrogate) return {};
    return {code, length};
}

bool is_line_separator(char32_t code) {
    return code == 0x2028 || code == 0x2029;
}

/// Characters that steer a terminal, or that make text read other than it is (the bidirectional
/// overrides).
bool is_control(char32_t code) {
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e ||
           code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

std::string clean(std::string_view text, char line_feed) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        if (text.starts_with("\r\n")) text.remove_prefix(1);
        const Character next = first_character(text);
        const char byte = text.front();
        if (next.length == 1 && byte == '\n') {
            out += line_feed;
        } else if (next.length > 0 && (is_line_separator(next.code) ||
                                       (byte != ' ' && white_space.find(byte) != text.npos))) {
            out += ' ';
        } else if (next.length == 0 || is_control(next.code)) {
            out += '?';
        } else {
            out += text.substr(0, next.length);
        }
        text.remove_prefix(std::max<std::size_t>(next.length, 1));
    }
    return out;
}

/// The last `max_bytes` bytes at most, without half a character at the front.
std::string_view tail(std::string_view text, std::size_t max_bytes) {
    text.remove_prefix(text.size() - std::min(text.size(), max_bytes));
    while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xc0U) == 0x80U) {
        text.remove_prefix(1);
    }
    return text;
}

std::string number_with_unit(double value, const char* unit) {
    std::array<char, 32> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.1f %s", value, unit);
    return buffer.data();
}

/// "2h 5m", or "2h" where the smaller part is none.
std::string two_units(std::int64_t big, const char* big_unit, std::int64_t small,
                      const char* small_unit) {
    std::string out = std::to_string(big) + big_unit;
    if (small > 0) out += " " + std::to_string(small) + small_unit;
    return out;
}

/// Letters inserted, dropped, replaced, or two neighbours exchanged.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> cost(a.size() + 1,
                                               std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            const std::size_t replaced = a[i - 1] == b[j - 1] ? 0 : 1;
            cost[i][j] =
                std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
            }
        }
    }
    return cost[a.size()][b.size()];
}

}  // namespace

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(white_space);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

std::string one_line(std::string_view text, std::size_t max_bytes) {
    const std::string cleaned = clean(text, ' ');
    const std::string_view line = trim(cleaned);
    if (line.size() <= max_bytes) return std::string(line);
    if (max_bytes < ellipsis.size()) return std::string(tail(line, max_bytes));
    return std::string(ellipsis).append(tail(line, max_bytes - ellipsis.size()));
}

std::string printable(std::string_view text) {
    return clean(text, '\n');
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || end - rest > 1) return std::nullopt;
    unsigned shift = 0;
    if (rest != end) {
        switch (*rest) {
            case 'K':
            case 'k':
                shift = 10;
                break;
            case 'M':
            case 'm':
                shift = 20;
                break;
            case 'G':
            case 'g':
                shift = 30;
                break;
            default:
                return std::nullopt;
        }
    }
    if (number > (UINT64_MAX >> shift)) return std::nullopt;
    return number << shift;
}

std::string human_size(std::uint64_t bytes) {
    if (bytes < 1024) return std::to_string(bytes) + " B";
    constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    // What would be rounded to 1024.0 belongs to the next unit.
    while (value >= 1023.95 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    return number_with_unit(value, units[unit]);
}

std::string human_duration(double seconds) {
    if (!(seconds > 0)) return "0s";  // NaN too
    if (seconds < 0.9995) return std::to_string(std::llround(seconds * 1000)) + "ms";
    constexpr double longest = 1e12;
    const std::int64_t tenths = std::llround(std::min(seconds, longest) * 10);
    if (tenths < 100 && tenths % 10 != 0) {
        return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + "s";
    }
    const std::int64_t whole = std::llround(std::min(seconds, longest));
    constexpr std::int64_t minute = 60;
    constexpr std::int64_t hour = 60 * minute;
    constexpr std::int64_t day = 24 * hour;
    if (whole < minute) return std::to_string(whole) + "s";
    if (whole < hour) return two_units(whole / minute, "m", whole % minute, "s");
    if (whole < day) return two_units(whole / hour, "h", whole % hour / minute, "m");
    return two_units(whole / day, "d", whole % day / hour, "h");
}

std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates) {
    constexpr std::size_t longest_word = 200;  // the distance costs the product of the lengths
    std::size_t best = 3;
    std::optional<std::string> found;
    if (word.size() > longest_word) return found;
    for (const std::string& candidate : candidates) {
        if (candidate.size() > word.size() + 2) continue;
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < best && 2 * distance < word.size()) {
            best = distance;
            found = candidate;
        }
    }
    return found;
}

std::string iso_time(std::int64_t unix_seconds) {
    constexpr std::int64_t first = -62'167'219'200;  // the year 0
    constexpr std::int64_t last = 253'402'300'799;   // the end of the year 9999
    using std::chrono::floor;
    const std::chrono::sys_seconds time{
        std::chrono::seconds(std::clamp(unix_seconds, first, last))};
    const auto midnight = floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{midnight};
    const std::chrono::hh_mm_ss clock{time - midnight};
    std::array<char, 64> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return buffer.data();
}

}  // namespace ops
