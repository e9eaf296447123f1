#include "world/http_retry.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "rules/text.hpp"
#include "world/host.hpp"
#include "world/http_headers.hpp"

namespace ops {

namespace {

constexpr std::chrono::milliseconds longest_pause{30'000};

double random_chance() {
    std::random_device source;
    return std::uniform_real_distribution<double>(0, 1)(source);
}

}  // namespace

std::chrono::milliseconds retry_pause(int number, std::chrono::milliseconds first, double chance) {
    const double base = static_cast<double>(first.count()) * std::exp2(number - 2);
    const double jittered = base * (0.5 + chance);
    return std::min(longest_pause, std::chrono::milliseconds(static_cast<std::int64_t>(std::min(
                                       jittered, static_cast<double>(longest_pause.count())))));
}

std::optional<HttpFailure> try_repeatedly(const RetryRule& rule, Log& log, const StopSignal& stop,
                                          const std::function<Attempt()>& attempt) {
    for (int tries = 1;; ++tries) {
        Attempt result = attempt();
        if (!result.failure || result.failure->kind != HttpFailure::Kind::down) {
            return result.failure;
        }
        std::chrono::milliseconds pause = retry_pause(tries + 1, rule.first_pause, random_chance());
        if (const auto asked = parse_retry_after(result.retry_after, unix_now())) {
            pause = std::max<std::chrono::milliseconds>(pause, *asked);
        }
        if (tries > rule.retries || std::chrono::steady_clock::now() + pause >= rule.deadline) {
            if (tries > 1) result.failure->message += " (try " + std::to_string(tries) + ")";
            return result.failure;
        }
        log.debug("", result.failure->message + ": trying again in " +
                          human_duration(static_cast<double>(pause.count()) / 1000));
        if (!stop.sleep_for(pause)) {
            result.failure->kind = HttpFailure::Kind::interrupted;
            result.failure->message = "interrupted after: " + result.failure->message;
            return result.failure;
        }
    }
}

}  // namespace ops
