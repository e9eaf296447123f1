// JSON that others wrote, read without trust. A heavy header: for .cpp files only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace ops {

/// Deeper nesting is refused while it is read, so that it costs neither memory nor stack.
inline constexpr int max_json_depth = 32;

/// Throws Error, one line, for anything that is not one JSON value in UTF-8. `what` says in the
/// error what the text is: "the answer". Parts that are objects with a key twice keep the last.
nlohmann::json parse_json(std::string_view text, const std::string& what, std::size_t max_bytes);

/// One line of JSON. Never throws: bytes that are not UTF-8 become U+FFFD.
template <typename Json>
std::string dump_json(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ops
