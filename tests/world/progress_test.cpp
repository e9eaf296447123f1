#include "world/progress.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ops;

namespace {

constexpr std::uint64_t mebibyte = 1048576;

ProgressItem item(const std::string& step, std::uint64_t done = 0, std::uint64_t total = 0) {
    ProgressItem result(step, done, 0);
    result.update(done, total, 0);
    return result;
}

/// A download of 40 MiB, half done, at 10 MiB a second.
ProgressItem running(const std::string& step) {
    ProgressItem result(step, 10 * mebibyte, 0);
    result.update(20 * mebibyte, 40 * mebibyte, 1000);
    return result;
}

using Items = std::map<std::string, ProgressItem>;

}  // namespace

TEST_CASE("a download shows bar, percent, rate, time left and, with room, its size") {
    const auto lines =
        progress_lines(Items{{"falcon-agent", running("downloading 1.0.1")}}, {100, 24});
    REQUIRE(lines.size() == 1);
    CHECK(lines[0] ==
          "falcon-agent  downloading 1.0.1  [============>            ]  50%  10.0 MiB/s  2s left"
          "  of 40.0 MiB");
    CHECK(lines[0].size() == 99);
}

TEST_CASE("on the usual terminal the bar goes before the size") {
    const auto lines =
        progress_lines(Items{{"falcon-agent", running("downloading 1.0.1")}}, {80, 24});
    REQUIRE(lines.size() == 1);
    CHECK(lines[0] ==
          "falcon-agent  downloading 1.0.1  [=========>        ]  50%  10.0 MiB/s  2s left");
    CHECK(lines[0].size() <= 79);
}

TEST_CASE("on a narrow terminal there is no bar, and nothing wraps") {
    const auto lines =
        progress_lines(Items{{"falcon-agent", running("downloading 1.0.1")}}, {50, 24});
    CHECK(lines == std::vector<std::string>{"falcon-agent  downloading 1.0.1   50%  10.0 MiB/s"});
}

TEST_CASE("the bars stand below each other") {
    const auto lines = progress_lines(Items{{"a", running("downloading 2.13.0-rc1")},
                                            {"falcon-agent", running("downloading 1.0.1")},
                                            {"naming", item("stopping 1.0.0")}},
                                      {80, 24});
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].find('[') == lines[1].find('['));
    CHECK(lines[0].find(']') == lines[1].find(']'));
    CHECK(lines[2] == "naming        stopping 1.0.0");
}

TEST_CASE("a download of unknown size shows what came and how fast") {
    ProgressItem unknown("downloading 7", 0, 0);
    unknown.update(3 * mebibyte, 0, 1000);
    CHECK(progress_lines(Items{{"a", unknown}}, {80, 24}) ==
          std::vector<std::string>{"a  downloading 7  3.0 MiB  3.0 MiB/s"});
}

TEST_CASE("what was there before a resume does not count for the rate") {
    ProgressItem resumed("downloading 7", 30 * mebibyte, 0);
    resumed.update(31 * mebibyte, 40 * mebibyte, 1000);
    CHECK(resumed.numbers() == " 77%  1.0 MiB/s  9s left");
}

TEST_CASE("the rate follows what happens, and a restart is no negative one") {
    ProgressItem falling("downloading 7", 0, 0);
    falling.update(10 * mebibyte, 40 * mebibyte, 1000);
    for (std::int64_t second = 2; second < 30; ++second) {
        falling.update(10 * mebibyte, 40 * mebibyte, second * 1000);
    }
    CHECK(falling.numbers() == " 25%  6 B/s");
    falling.update(0, 40 * mebibyte, 30000);
    CHECK(falling.numbers() == "  0%  3 B/s");
}

TEST_CASE("a download that is done, or more than that, is full") {
    CHECK(item("x", 10, 10).numbers() == "100%");
    CHECK(item("x", 20, 10).numbers() == "100%");
    CHECK(item("x", 0, 10).numbers() == "  0%");
}

TEST_CASE("agents that there is no row for are counted") {
    Items items;
    for (int i = 10; i < 20; ++i)
        items.emplace("agent-" + std::to_string(i), item("checking"));
    const auto lines = progress_lines(items, {80, 6});
    REQUIRE(lines.size() == 5);
    CHECK(lines[3] == "agent-13  checking");
    CHECK(lines[4] == "and 6 more");
    CHECK(progress_lines(items, {80, 11}).size() == 10);
    CHECK(progress_lines(items, {80, 11}).back() == "agent-19  checking");
    CHECK(progress_lines(items, {80, 1}).size() == 2);
}

TEST_CASE("a name that is far too long does not push the others aside") {
    const auto lines = progress_lines(
        Items{{std::string(120, 'a'), running("downloading 1")}, {"b", item("stopping 1")}},
        {200, 24});
    CHECK(lines[1].find("stopping") == 42);
    for (const std::size_t columns : {0, 1, 2, 5, 20, 80}) {
        CAPTURE(columns);
        const auto cut =
            progress_lines(Items{{std::string(120, 'a'), running("x")}}, {columns, 24});
        CHECK(cut.front().size() < std::max<std::size_t>(columns, 2));
    }
}

TEST_CASE("control characters do not reach the terminal") {
    CHECK(progress_lines(Items{{"a", item("step\x1b[2J\n")}}, {80, 24}).front() == "a  step?[2J");
}
