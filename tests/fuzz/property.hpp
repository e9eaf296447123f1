// What every fuzz target checks with.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "rules/text.hpp"

namespace ops::fuzz {

/// Ends the run where a promise is broken, so that the fuzzer keeps the input.
inline void require(bool holds, std::string_view promise) {
    if (holds) return;
    std::fprintf(stderr, "broken promise: %.*s\n", static_cast<int>(promise.size()),
                 promise.data());
    std::abort();
}

inline bool has_control_characters(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 || c == 0x7f) return true;
        const bool c1 =
            c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        if (c1) return true;
    }
    return false;
}

/// What every error and every line for the log must be.
inline void require_one_line(std::string_view text) {
    require(!text.empty(), "a message says something");
    require(!has_control_characters(text), "a message has no control characters");
    require(one_line(text, text.size()) == text, "a message is one clean line");
}

/// Names, versions and what else becomes a path.
inline void require_path_component(std::string_view text) {
    require(!text.empty() && text.size() <= 128, "a path component has 1 to 128 characters");
    require(text.front() != '.' && text.front() != '-', "a path component hides nothing");
    require(text.find('/') == text.npos && text.find('\0') == text.npos,
            "a path component is only one");
}

inline void require_hex(std::string_view text, std::size_t length) {
    require(text.size() == length, "a digest has its length");
    require(text.find_first_not_of("0123456789abcdef") == text.npos, "a digest is lower case hex");
}

}  // namespace ops::fuzz
