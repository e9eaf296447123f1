#include "rules/screen.hpp"

#include <doctest/doctest.h>

using ops::Paint;
using Lines = std::vector<std::string>;

TEST_CASE("colour is there only where it is wanted") {
    CHECK(ops::painted("x", Paint::red, true) == "\x1b[31mx\x1b[0m");
    CHECK(ops::painted("x", Paint::red, false) == "x");
    CHECK(ops::painted("x", Paint::plain, true) == "x");
    CHECK(ops::painted("", Paint::red, true).empty());
}

TEST_CASE("width is counted in columns, not in bytes") {
    CHECK(ops::display_width("") == 0);
    CHECK(ops::display_width("abc") == 3);
    CHECK(ops::display_width("é…") == 2);
    CHECK(ops::display_width("升级") == 4);
    CHECK(ops::display_width("e\u0301") == 1);  // combining
    CHECK(ops::display_width("🚀") == 2);
}

TEST_CASE("text is broken at blanks, never within a word") {
    CHECK(ops::wrapped("", 10) == Lines{""});
    CHECK(ops::wrapped("ten letter", 10) == Lines{"ten letter"});
    CHECK(ops::wrapped("ten letters", 10) == Lines{"ten", "letters"});
    CHECK(ops::wrapped("a http://very/long/address b", 10) ==
          Lines{"a", "http://very/long/address", "b"});
    CHECK(ops::wrapped("a b c d e", 3) == Lines{"a b", "c d", "e"});
    CHECK(ops::wrapped("a b c d e", 0) == Lines{"a b c d e"});
}

TEST_CASE("columns are as wide as their widest cell, and no line ends with blanks") {
    const auto lines = ops::laid_out(
        {{{{"AGENT"}, {"NOTE"}}}, {{{"升级-agent"}, {"x"}}}, {{{"a"}, {""}}}, {{{""}, {"y"}}}}, 80,
        false);
    CHECK(lines == Lines{"AGENT       NOTE\n", "升级-agent  x\n", "a\n", "            y\n"});
}

TEST_CASE("the last column is wrapped under itself") {
    const auto lines = ops::laid_out({{{{"a"}, {"one two three four five six seven"}}}}, 27, false);
    CHECK(lines == Lines{"a  one two three four five\n   six seven\n"});
}

TEST_CASE("a row's colour is that of its cells which have none") {
    const auto lines = ops::laid_out({{{{"a", Paint::red}, {"b"}}, Paint::dim}}, 80, true);
    CHECK(lines == Lines{"\x1b[31ma\x1b[0m  \x1b[2mb\x1b[0m\n"});
}

TEST_CASE("an indented text hangs below its mark") {
    CHECK(ops::indented(2, "=> ", "one two three four five six seven", Paint::plain, 29, false) ==
          "  => one two three four five\n     six seven\n");
}

TEST_CASE("a message is named after its agent once") {
    CHECK(ops::named("a", "gone") == "a: gone");
    CHECK(ops::named("a", "a: gone") == "a: gone");
    CHECK(ops::named("", "gone") == "gone");
    CHECK(ops::named("a", "two\nlines") == "a: two lines");
}
