// --status: what is here and what went wrong last. Offline, without the lock.
#pragma once

#include <string>

#include "rules/config.hpp"
#include "rules/views.hpp"
#include "world/log.hpp"

namespace ops {

/// The text to print. Asks the control scripts for the run states; writes nothing.
std::string status_report(const Config& config, Format format, const ViewStyle& style, Log& log);

}  // namespace ops
