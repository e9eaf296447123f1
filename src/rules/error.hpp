// How the program says that something went wrong.
#pragma once

#include <stdexcept>
#include <string>

namespace ops {

/// What the process exits with. The numbers are sysexits(3)'s where it has one.
enum class ExitCode : int {
    converged = 0,     ///< everything is as desired, held agents included
    failed = 1,        ///< the pass ran, but an agent or an entry failed or is being waited out
    usage = 64,        ///< wrong command line
    unavailable = 69,  ///< ops-meta unreachable, or its answer unusable
    locked = 75,       ///< another pass, or another program, holds the ops dir
    config = 78,       ///< bad configuration, or a failed startup check
};

/// The one exception type. `what()` is one line that says what failed, where, and, where it
/// helps, what to do next. `code()` is what the process would exit with if nobody handles it:
/// an agent's failure carries `failed` and is caught in one place, agents/handle.cpp.
class Error : public std::runtime_error {
  public:
    explicit Error(const std::string& message, ExitCode code = ExitCode::failed)
        : std::runtime_error(message), code_(code) {}

    [[nodiscard]] ExitCode code() const noexcept { return code_; }

  private:
    ExitCode code_;
};

}  // namespace ops
