// What the end-to-end tests are written with.
#pragma once

#include <doctest/doctest.h>
#include <signal.h>

#include <ostream>
#include <string>
#include <vector>

#include "../support/scene.hpp"
#include "../support/ustar.hpp"

// So that a failing comparison shows what was compared.
namespace doctest {
template <>
struct StringMaker<std::vector<std::string>> {
    static String convert(const std::vector<std::string>& words) {
        std::string text = "[";
        for (const auto& word : words)
            text += (text.size() > 1 ? ", " : "") + word;
        return (text + "]").c_str();
    }
};
template <>
struct StringMaker<nlohmann::json> {
    static String convert(const nlohmann::json& json) { return json.dump().c_str(); }
};
}  // namespace doctest

namespace e2e {
using Words = std::vector<std::string>;
}

/// The program ended with that code; if not, all that it printed is shown.
#define CHECK_EXIT(result, expected)                                                    \
    do {                                                                                \
        const ::e2e::Result& checked = (result);                                        \
        CHECK_MESSAGE(checked.code == (expected), "wanted exit ", (expected), ", got ", \
                      checked.story());                                                 \
    } while (false)

#define REQUIRE_EXIT(result, expected)                                                    \
    do {                                                                                  \
        const ::e2e::Result& checked = (result);                                          \
        REQUIRE_MESSAGE(checked.code == (expected), "wanted exit ", (expected), ", got ", \
                        checked.story());                                                 \
    } while (false)

#define CHECK_CONTAINS(text, part)                                                     \
    do {                                                                               \
        const std::string whole = (text);                                              \
        CHECK_MESSAGE(::e2e::contains(whole, part), "no \"", (part), "\" in ", whole); \
    } while (false)

#define CHECK_LACKS(text, part)                                                      \
    do {                                                                             \
        const std::string whole = (text);                                            \
        CHECK_MESSAGE(!::e2e::contains(whole, part), "\"", (part), "\" in ", whole); \
    } while (false)
