// The random wait that keeps a fleet's hosts from reporting all at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace ops {

/// Uniform over [0, splay), decided by hostname and time alone (the seed document's rule), so that
/// hosts spread within one cron tick and the same host does not always come first.
/// `unix_nanoseconds` is the timestamp; all of it goes into the seed.
std::chrono::nanoseconds splay_delay(std::string_view hostname, std::int64_t unix_nanoseconds,
                                     std::chrono::seconds splay);

}  // namespace ops
