// What a whole fleet does to ops-meta: the program's own splay, for the names that hosts really
// have. Every host is started by cron at the same instant, to the nanosecond, which is the worst
// case. Exit 1 when the hosts do not spread evenly or come in the same order again.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "rules/splay.hpp"

namespace {

using std::size_t;

constexpr std::int64_t interval = 300;
constexpr std::int64_t splay = interval * 8 / 10;
constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t first_tick = 1'700'000'100 * second;

// --- names ---------------------------------------------------------------------------------------
std::string padded(size_t number, int digits) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%0*zu", digits, number);
    return text.data();
}

std::string numbered(size_t i) {
    return "web" + padded(i + 1, 4);
}

std::string with_datacentre(size_t i) {
    constexpr std::array<const char*, 5> centres = {"bj", "sh", "gz", "fra1", "us-east-1a"};
    constexpr std::array<const char*, 4> roles = {"web", "db", "cache", "mq"};
    return std::string(centres[i % 5]) + "-" + roles[i / 5 % 4] + "-" + padded(i / 20 + 1, 3);
}

std::string qualified(size_t i) {
    return "node" + std::to_string(i % 1000) + ".rack" + std::to_string(i / 1000) +
           ".dc1.prod.example.com";
}

std::string by_address(size_t i) {
    return "ip-10-" + std::to_string(i >> 16U & 255U) + "-" + std::to_string(i >> 8U & 255U) + "-" +
           std::to_string(i & 255U);
}

struct Pattern {
    const char* shown;
    std::string (*name)(size_t);
};

constexpr std::array<Pattern, 4> patterns = {{{"web0001", numbered},
                                              {"bj-web-001", with_datacentre},
                                              {"node0.rack0.dc1.prod.example.com", qualified},
                                              {"ip-10-0-0-1", by_address}}};

// --- statistics ----------------------------------------------------------------------------------
using Delays = std::vector<std::int64_t>;  // nanoseconds

Delays delays_at(std::int64_t tick, const Pattern& pattern, size_t hosts) {
    Delays delays(hosts);
    for (size_t i = 0; i < hosts; ++i) {
        delays[i] = ops::splay_delay(pattern.name(i), tick, std::chrono::seconds(splay)).count();
    }
    return delays;
}

struct Spread {
    double mean;  ///< per second of the splay
    double peak;
    double chi_square;  ///< against uniform over its seconds
};

Spread spread_of(const Delays& delays) {
    std::vector<double> per_second(splay);
    for (const std::int64_t delay : delays)
        per_second.at(static_cast<size_t>(delay / second)) += 1;
    const double mean = static_cast<double>(delays.size()) / static_cast<double>(splay);
    double chi_square = 0;
    for (const double count : per_second)
        chi_square += (count - mean) * (count - mean) / mean;
    return {mean, *std::max_element(per_second.begin(), per_second.end()), chi_square};
}

/// What chi-square exceeds by chance in one case of a thousand (Wilson and Hilferty).
double critical_value(double freedom) {
    constexpr double quantile = 3.0902;
    const double part = 2 / (9 * freedom);
    return freedom * std::pow(1 - part + quantile * std::sqrt(part), 3);
}

std::vector<double> ranks_of(const Delays& delays) {
    std::vector<size_t> order(delays.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return delays[a] < delays[b]; });
    std::vector<double> ranks(delays.size());
    for (size_t i = 0; i < order.size(); ++i)
        ranks[order[i]] = static_cast<double>(i);
    return ranks;
}

/// Spearman's: 1 if all come in the same order again, 0 if the one order says nothing of the other.
double rank_correlation(const Delays& a, const Delays& b) {
    const std::vector<double> ranks_a = ranks_of(a);
    const std::vector<double> ranks_b = ranks_of(b);
    double squares = 0;
    for (size_t i = 0; i < ranks_a.size(); ++i)
        squares += (ranks_a[i] - ranks_b[i]) * (ranks_a[i] - ranks_b[i]);
    const auto n = static_cast<double>(a.size());
    return 1 - 6 * squares / (n * (n * n - 1));
}

// --- tables --------------------------------------------------------------------------------------
bool all_good = true;

const char* verdict(bool good) {
    all_good = all_good && good;
    return good ? "" : "  NOT GOOD";
}

void one_tick() {
    const double limit = critical_value(splay - 1);
    std::printf(
        "One cron tick: requests per second at ops-meta, over a splay of %lld s (interval %lld s)\n"
        "chi-square below %.0f is what evenness looks like (1 in 1000 beyond it by chance)\n\n"
        "    hosts  names like                         mean/s   peak/s  peak/mean  chi-square\n",
        static_cast<long long>(splay), static_cast<long long>(interval), limit);
    for (const size_t hosts : {1'000, 10'000, 100'000, 1'000'000}) {
        for (const Pattern& pattern : patterns) {
            const Spread spread = spread_of(delays_at(first_tick, pattern, hosts));
            std::printf("%9zu  %-33s %8.1f %8.0f %10.2f %11.1f%s\n", hosts, pattern.shown,
                        spread.mean, spread.peak, spread.peak / spread.mean, spread.chi_square,
                        verdict(spread.chi_square < limit));
        }
    }
}

void consecutive_ticks() {
    constexpr size_t hosts = 10'000;
    constexpr int ticks = 50;
    const double limit = 3.29 / std::sqrt(static_cast<double>(hosts));
    std::printf(
        "\nConsecutive ticks, %zu hosts, %d ticks: rank correlation of each tick with the one "
        "before\n"
        "(within ±%.3f but 1 in 1000 by chance), and how many different hosts came first\n\n"
        "names like                         greatest  ticks beyond  different firsts\n",
        hosts, ticks, limit);
    for (const Pattern& pattern : patterns) {
        Delays before = delays_at(first_tick, pattern, hosts);
        std::set<std::ptrdiff_t> firsts;
        double greatest = 0;
        int beyond = 0;
        for (int tick = 1; tick <= ticks; ++tick) {
            Delays now = delays_at(first_tick + tick * interval * second, pattern, hosts);
            const double correlation = std::abs(rank_correlation(before, now));
            greatest = std::max(greatest, correlation);
            if (correlation > limit) ++beyond;
            firsts.insert(std::min_element(now.begin(), now.end()) - now.begin());
            before = std::move(now);
        }
        std::printf("%-33s %10.4f %13d %17zu%s\n", pattern.shown, greatest, beyond, firsts.size(),
                    verdict(beyond <= 1 && firsts.size() > ticks * 9 / 10));
    }
}

void one_host() {
    constexpr int ticks = 100'000;
    const double limit = critical_value(splay - 1);
    std::printf("\nOne host over %d ticks (a year): chi-square of its delays, below %.0f\n\n",
                ticks, limit);
    for (const Pattern& pattern : patterns) {
        Delays delays(ticks);
        for (int tick = 0; tick < ticks; ++tick) {
            delays[static_cast<size_t>(tick)] =
                ops::splay_delay(pattern.name(0), first_tick + tick * interval * second,
                                 std::chrono::seconds(splay))
                    .count();
        }
        const double chi_square = spread_of(delays).chi_square;
        std::printf("%-33s %10.1f%s\n", pattern.shown, chi_square, verdict(chi_square < limit));
    }
}

/// Of a steady report of three agents and its answer, headers included, as seen on the wire.
constexpr double report_bytes = 345 + 459;
constexpr double tarball_bytes = 30e6;

void what_it_takes() {
    std::printf(
        "\nWhat that takes: ops-meta, steady, three agents a host; and the tarball side while a\n"
        "release of 30 MB goes to all hosts within one splay\n\n"
        "    hosts   connections/s  ops-meta Mbit/s   tarballs Gbit/s     all in TB\n");
    for (const double hosts : {1e3, 1e4, 1e5, 1e6}) {
        const double rate = hosts / splay;
        std::printf("%9.0f %15.0f %16.2f %17.1f %13.2f\n", hosts, rate,
                    rate * report_bytes * 8 / 1e6, rate * tarball_bytes * 8 / 1e9,
                    hosts * tarball_bytes / 1e12);
    }
}

}  // namespace

int main() {
    one_tick();
    consecutive_ticks();
    one_host();
    what_it_takes();
    if (!all_good) std::printf("\nsomething above is not good\n");
    return all_good ? 0 : 1;
}
