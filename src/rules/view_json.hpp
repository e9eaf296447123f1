// JSON that is shown rather than read back. A heavy header: for .cpp files only.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "rules/text.hpp"

namespace ops {

using nlohmann::ordered_json;  // the fields in the order that people read them in

/// JSON is read on a terminal too, and the library lets DEL and C1 controls pass.
inline std::string shown(std::string_view text) {
    return one_line(text, std::string::npos);
}

inline ordered_json text_or_null(const std::string& text) {
    return text.empty() ? ordered_json(nullptr) : ordered_json(shown(text));
}

inline ordered_json text_or_null(const std::optional<std::string>& text) {
    return text_or_null(text.value_or(""));
}

/// Never throws: bytes that are not UTF-8 become U+FFFD. Ends with a line feed.
inline std::string pretty(const ordered_json& value) {
    return value.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace ops
