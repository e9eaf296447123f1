#include "rules/splay.hpp"

#include <algorithm>
#include <random>

namespace ops {
namespace {

constexpr std::uint64_t fnv_offset = 0xcbf29ce484222325;
constexpr std::uint64_t fnv_prime = 0x100000001b3;

void feed(std::uint64_t& hash, unsigned char byte) {
    hash = (hash ^ byte) * fnv_prime;
}

/// The finaliser of splitmix64: each bit of the input changes each bit of the output with a
/// probability of one half, so that web-01 and web-02 lie nowhere near each other.
std::uint64_t avalanche(std::uint64_t x) {
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111eb;
    return x ^ (x >> 31U);
}

std::uint64_t seed_of(std::string_view hostname, std::int64_t unix_nanoseconds) {
    std::uint64_t hash = fnv_offset;
    for (const char c : hostname) {
        feed(hash, static_cast<unsigned char>(c));
    }
    const auto time = static_cast<std::uint64_t>(unix_nanoseconds);
    for (unsigned shift = 0; shift < 64; shift += 8) {
        feed(hash, static_cast<unsigned char>(time >> shift));
    }
    return avalanche(hash);
}

}  // namespace

std::chrono::nanoseconds splay_delay(std::string_view hostname, std::int64_t unix_nanoseconds,
                                     std::chrono::seconds splay) {
    using std::chrono::nanoseconds;
    using std::chrono::seconds;
    const auto longest = std::chrono::duration_cast<seconds>(nanoseconds::max());
    const nanoseconds range = std::min(splay, longest);
    if (range <= nanoseconds::zero()) return nanoseconds::zero();
    std::mt19937_64 generator(seed_of(hostname, unix_nanoseconds));
    return nanoseconds(
        std::uniform_int_distribution<nanoseconds::rep>(0, range.count() - 1)(generator));
}

}  // namespace ops
