#include "rules/splay.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

using namespace ops;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

constexpr std::int64_t tick = 1'700'000'100'000'000'000;
constexpr seconds splay{240};
constexpr std::size_t bins = 100;

std::string host(int number) {
    char name[16];
    std::snprintf(name, sizeof name, "web%05d", number);
    return name;
}

double fraction(nanoseconds delay) {
    return static_cast<double>(delay.count()) / static_cast<double>(nanoseconds(splay).count());
}

/// Chi-square of the fractions against the uniform distribution, in 100 bins.
double chi_square(const std::vector<double>& fractions) {
    std::vector<int> counts(bins);
    for (const double f : fractions) {
        ++counts.at(static_cast<std::size_t>(f * static_cast<double>(bins)));
    }
    const double expected = static_cast<double>(fractions.size()) / static_cast<double>(bins);
    double sum = 0;
    for (const int count : counts) {
        sum += (count - expected) * (count - expected) / expected;
    }
    return sum;
}

// With 99 degrees of freedom, one in a hundred thousand truly uniform samples lies outside of these
// on either side.
constexpr double least = 47;
constexpr double most = 168;

}  // namespace

TEST_CASE("the wait is decided by hostname and time alone") {
    CHECK(splay_delay("web-01", tick, splay) == splay_delay("web-01", tick, splay));
    CHECK(splay_delay("web-01", tick, splay) != splay_delay("web-02", tick, splay));
    CHECK(splay_delay("web-01", tick, splay) != splay_delay("web-01", tick + 1, splay));
    CHECK(splay_delay("web-01", tick, splay) !=
          splay_delay("web-01", tick + (std::int64_t{1} << 62U), splay));
    CHECK(splay_delay("", 0, splay) != splay_delay("", -1, splay));
}

TEST_CASE("the wait lies in [0, splay)") {
    for (int i = 0; i < 20000; ++i) {
        const nanoseconds delay = splay_delay(host(i), tick, seconds(1));
        REQUIRE(delay >= nanoseconds(0));
        REQUIRE(delay < seconds(1));
    }
    CHECK(splay_delay("h", tick, seconds::max()) >= nanoseconds(0));
}

TEST_CASE("without a splay there is no wait") {
    CHECK(splay_delay("h", tick, seconds(0)) == nanoseconds(0));
    CHECK(splay_delay("h", tick, seconds(-5)) == nanoseconds(0));
}

TEST_CASE("the hosts of a fleet spread evenly within one tick") {
    std::vector<double> fractions;
    for (int i = 1; i <= 20000; ++i) {
        fractions.push_back(fraction(splay_delay(host(i), tick, splay)));
    }
    const double chi2 = chi_square(fractions);
    CHECK(chi2 > least);
    CHECK(chi2 < most);
}

TEST_CASE("one host's waits spread evenly over consecutive ticks") {
    std::vector<double> fractions;
    for (int i = 0; i < 20000; ++i) {
        const std::int64_t time = tick + i * std::int64_t{300'000'000'000};
        fractions.push_back(fraction(splay_delay("web00001", time, splay)));
    }
    const double chi2 = chi_square(fractions);
    CHECK(chi2 > least);
    CHECK(chi2 < most);
}

TEST_CASE("a host's place in one tick says nothing of its place in the next") {
    double sum = 0;
    constexpr int hosts = 20000;
    for (int i = 0; i < hosts; ++i) {
        const double now = fraction(splay_delay(host(i), tick, splay)) - 0.5;
        const double next =
            fraction(splay_delay(host(i), tick + std::int64_t{300'000'000'000}, splay)) - 0.5;
        sum += now * next;
    }
    const double correlation = sum / hosts * 12;  // the variance of a uniform one is 1/12
    CHECK(std::abs(correlation) < 5 / std::sqrt(hosts));
}

TEST_CASE("neighbours in the list of hosts are no neighbours in time") {
    double sum = 0;
    constexpr int hosts = 20000;
    for (int i = 0; i < hosts; ++i) {
        sum += (fraction(splay_delay(host(i), tick, splay)) - 0.5) *
               (fraction(splay_delay(host(i + 1), tick, splay)) - 0.5);
    }
    CHECK(std::abs(sum / hosts * 12) < 5 / std::sqrt(hosts));
}
