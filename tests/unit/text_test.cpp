#include "rules/text.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace ops;

TEST_CASE("trim takes every kind of white space from both ends and nothing from within") {
    CHECK(trim(" \t\r\n\v\fa b\n\n") == "a b");
    CHECK(trim("1.0.1\n") == "1.0.1");
    CHECK(trim("") == "");
    CHECK(trim(" \n ") == "");
    CHECK(trim("a") == "a");
}

TEST_CASE("one_line joins lines and keeps what is printable") {
    CHECK(one_line("first\nsecond\tthird") == "first second third");
    CHECK(one_line("a\r\nb\rc") == "a b c");
    CHECK(one_line("  message\n") == "message");
    CHECK(one_line("\r\xe2\x80\xa8message\xe2\x80\xa9") == "message");
    CHECK(one_line("更新 ü 😀") == "更新 ü 😀");
    CHECK(one_line("") == "");
}

TEST_CASE("one_line defuses terminal escapes and other control characters") {
    CHECK(one_line("\x1b[31mred\x07") == "?[31mred?");
    CHECK(one_line("a\x7f"
                   "b") == "a?b");
    CHECK(one_line(std::string_view("a\0b", 3)) == "a?b");
    CHECK(one_line("\xc2\x9b"
                   "31m") == "?31m");                          // C1's control sequence introducer
    CHECK(one_line("a\xe2\x80\xae txt.exe") == "a? txt.exe");  // right-to-left override
    CHECK(one_line("a\xe2\x80\xa8"
                   "b") == "a b");  // line separator
}

TEST_CASE("one_line replaces every byte that is not UTF-8") {
    CHECK(one_line("\xff\xfe") == "??");
    CHECK(one_line("a\xc3") == "a?");               // cut short
    CHECK(one_line("\xc0\xaf") == "??");            // overlong slash
    CHECK(one_line("\xe0\x80\xaf") == "???");       // overlong too
    CHECK(one_line("\xed\xa0\x80") == "???");       // surrogate
    CHECK(one_line("\xf4\x90\x80\x80") == "????");  // beyond Unicode
    CHECK(one_line("\xf5\x80\x80\x80") == "????");
    CHECK(one_line("\xc3(") == "?(");
    CHECK(one_line("\xf0\x90\x80\x80") == "\xf0\x90\x80\x80");  // the first of four bytes
}

TEST_CASE("one_line keeps the last words of a long text") {
    const std::string text = std::string(600, 'a') + " no such file";
    const std::string line = one_line(text);
    CHECK(line.size() == 500);
    CHECK(line.starts_with("…a"));
    CHECK(line.ends_with("a no such file"));
    CHECK(one_line("abcdef", 6) == "abcdef");
    CHECK(one_line("abcdefg", 6) == "…efg");
}

TEST_CASE("one_line never cuts a character in two") {
    const std::string text = "aüüüü";  // 9 bytes
    CHECK(one_line(text, 8) == "…üü");
    CHECK(one_line(text, 7) == "…üü");
    CHECK(one_line(text, 6) == "…ü");
    CHECK(one_line(text, 5) == "…ü");
    CHECK(one_line(text, 4) == "…");
}

TEST_CASE("one_line holds its limit where not even the mark of the cut has room") {
    CHECK(one_line("abc", 0) == "");
    CHECK(one_line("abc", 2) == "bc");
    CHECK(one_line("üü", 1) == "");
    CHECK(one_line("abcd", 3) == "…");
}

TEST_CASE("printable keeps the lines of a block and its blanks") {
    CHECK(printable(" one\r\ntwo\n\n") == " one\ntwo\n\n");
    CHECK(printable("a\tb\x1b[1m\xff") == "a b?[1m?");
    CHECK(printable(std::string(2000, 'x')).size() == 2000);
}

TEST_CASE("sizes take K, M and G") {
    CHECK(parse_size("0") == 0);
    CHECK(parse_size("100") == 100);
    CHECK(parse_size("512K") == 512 * 1024);
    CHECK(parse_size("8m") == 8 * 1024 * 1024);
    CHECK(parse_size("2G") == 2147483648);
    CHECK(parse_size("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
    CHECK(parse_size("17179869183G") == 17179869183ULL << 30U);
}

TEST_CASE("what is no size is refused") {
    for (const char* text : {"", "K", "-1", "+1", " 1", "1 ", "1 K", "1KB", "1.5M", "1T", "0x10",
                             "18446744073709551616", "17179869184G", "1\n"}) {
        CAPTURE(std::string(text));
        CHECK_FALSE(parse_size(text).has_value());
    }
    CHECK_FALSE(parse_size(std::string_view("1\0", 2)).has_value());
}

TEST_CASE("sizes for people") {
    CHECK(human_size(0) == "0 B");
    CHECK(human_size(1023) == "1023 B");
    CHECK(human_size(1024) == "1.0 KiB");
    CHECK(human_size(1536 * 1024) == "1.5 MiB");
    CHECK(human_size(1024 * 1024 - 1) == "1.0 MiB");
    CHECK(human_size(2147483648) == "2.0 GiB");
    CHECK(human_size(std::numeric_limits<std::uint64_t>::max()) == "16.0 EiB");
}

TEST_CASE("durations for people") {
    CHECK(human_duration(0) == "0s");
    CHECK(human_duration(0.25) == "250ms");
    CHECK(human_duration(0.9996) == "1s");
    CHECK(human_duration(1.54) == "1.5s");
    CHECK(human_duration(9.96) == "10s");
    CHECK(human_duration(45) == "45s");
    CHECK(human_duration(59.6) == "1m");
    CHECK(human_duration(303) == "5m 3s");
    CHECK(human_duration(7500) == "2h 5m");
    CHECK(human_duration(7200) == "2h");
    CHECK(human_duration(90061) == "1d 1h");
}

TEST_CASE("durations that are none read as nothing") {
    CHECK(human_duration(-5) == "0s");
    CHECK(human_duration(std::numeric_limits<double>::quiet_NaN()) == "0s");
    CHECK(human_duration(std::numeric_limits<double>::infinity()) == "11574074d 1h");
}

TEST_CASE("the nearest word is found through one typing mistake or two") {
    const std::vector<std::string> keys{"server", "interval", "splay", "hold"};
    CHECK(nearest("sever", keys) == "server");
    CHECK(nearest("intreval", keys) == "interval");
    CHECK(nearest("intervalls", keys) == "interval");
    CHECK(nearest("serverr", keys) == "server");
    CHECK(nearest("plays", keys) == "splay");
}

TEST_CASE("words that are not near suggest nothing") {
    const std::vector<std::string> keys{"server", "hold", "splay"};
    CHECK_FALSE(nearest("zebra", keys).has_value());
    CHECK_FALSE(nearest("intervalxxx", {"interval"}).has_value());  // three letters
    CHECK_FALSE(nearest("ho", keys).has_value());  // two letters are no less than half of it
    CHECK_FALSE(nearest("hxxd", keys).has_value());
    CHECK_FALSE(nearest("", keys).has_value());
    CHECK_FALSE(nearest("server", {}).has_value());
}

TEST_CASE("of two near words the nearer one is suggested") {
    CHECK(nearest("starts", {"stats", "start"}) == "stats");  // equally near: the first
    CHECK(nearest("splays", {"splendy", "splay"}) == "splay");
}

TEST_CASE("times are written in UTC as ISO 8601") {
    CHECK(iso_time(0) == "1970-01-01T00:00:00Z");
    CHECK(iso_time(1769850900) == "2026-01-31T09:15:00Z");
    CHECK(iso_time(951782399) == "2000-02-28T23:59:59Z");
    CHECK(iso_time(951782400) == "2000-02-29T00:00:00Z");
    CHECK(iso_time(-1) == "1969-12-31T23:59:59Z");
}

TEST_CASE("times beyond four-digit years are held at the last one") {
    CHECK(iso_time(std::numeric_limits<std::int64_t>::max()) == "9999-12-31T23:59:59Z");
    CHECK(iso_time(std::numeric_limits<std::int64_t>::min()) == "0000-01-01T00:00:00Z");
}
