#include "rules/json.hpp"

#include <algorithm>

#include "rules/error.hpp"
#include "rules/text.hpp"

namespace ops {
namespace {

/// The library's message without its own name in front.
std::string bare_message(const nlohmann::json::exception& error) {
    const std::string_view message = error.what();
    const std::size_t end = message.find("] ");
    return one_line(end == std::string_view::npos ? message : message.substr(end + 2), 300);
}

/// How deep the brackets outside of strings go. A scan ahead, because the parser's callback, which
/// could tell too, makes it look through a whole list again for each of its objects.
int nesting(std::string_view text) {
    int depth = 0;
    int deepest = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            deepest = std::max(deepest, ++depth);
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return deepest;
}

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& what, std::size_t max_bytes) {
    if (text.size() > max_bytes) {
        throw Error(what + " is larger than " + human_size(max_bytes));
    }
    if (trim(text).empty()) throw Error(what + " is empty");
    // The parser would take a NUL for the end of the text, whatever follows.
    if (text.find('\0') != std::string_view::npos) throw Error(what + " has NUL bytes in it");
    if (nesting(text) > max_json_depth) {
        throw Error(what + " is nested deeper than " + std::to_string(max_json_depth));
    }
    try {
        return nlohmann::json::parse(text);
    } catch (const nlohmann::json::exception& error) {
        throw Error(what + " is no JSON: " + bare_message(error));
    }
}

}  // namespace ops
