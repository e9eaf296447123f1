#include "ranges.hpp"

#include <algorithm>
#include <charconv>

namespace meta {
namespace {

/// Digits only, the whole of `text`.
bool parse_number(std::string_view text, std::uint64_t& number) {
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    return error == std::errc{} && end == last;
}

}  // namespace

RangeResult parse_range(std::string_view header, std::uint64_t size) {
    const RangeResult whole{RangeKind::whole, {0, size}};
    const RangeResult unsatisfiable{RangeKind::unsatisfiable, {}};
    constexpr std::string_view unit = "bytes=";
    if (!header.starts_with(unit)) return whole;
    header.remove_prefix(unit.size());

    const std::size_t dash = header.find('-');
    if (dash == std::string_view::npos) return whole;
    const std::string_view from = header.substr(0, dash);
    const std::string_view to = header.substr(dash + 1);
    std::uint64_t first = 0;
    std::uint64_t last = 0;

    if (from.empty()) {  // the last so many bytes
        if (!parse_number(to, last)) return whole;
        const std::uint64_t length = std::min(last, size);
        if (length == 0) return unsatisfiable;
        return {RangeKind::part, {size - length, length}};
    }
    if (!parse_number(from, first)) return whole;
    if (to.empty()) {
        last = UINT64_MAX;
    } else if (!parse_number(to, last) || last < first) {
        return whole;
    }
    if (first >= size) return unsatisfiable;
    return {RangeKind::part, {first, std::min(last, size - 1) - first + 1}};
}

}  // namespace meta
