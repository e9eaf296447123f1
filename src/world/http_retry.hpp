// Trying again what may pass, with growing pauses.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "world/http.hpp"

namespace ops {

/// One try.
struct Attempt {
    std::optional<HttpFailure> failure;
    std::string retry_after;  ///< the answer's header field; "" for none
};

struct RetryRule {
    int retries = 0;  ///< tries after the first
    std::chrono::milliseconds first_pause{1000};
    std::chrono::steady_clock::time_point deadline;  ///< no try begins after it
};

/// The pause before try `number` (2 is the first to have one) for a `chance` in [0, 1): doubling
/// from `first`, half of it to one and a half, at most 30 s.
std::chrono::milliseconds retry_pause(int number, std::chrono::milliseconds first, double chance);

/// Calls `attempt` until it succeeds, fails as anything but `down`, or there is no try or time
/// left; what a server asks for with Retry-After lengthens the pause. What the last try said, or
/// `interrupted`.
std::optional<HttpFailure> try_repeatedly(const RetryRule& rule, Log& log, const StopSignal& stop,
                                          const std::function<Attempt()>& attempt);

}  // namespace ops
