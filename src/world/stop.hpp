// SIGTERM and SIGINT as something that a wait can be woken by.
#pragma once

#include <atomic>
#include <chrono>

#include "world/fd.hpp"

namespace ops {

/// Says whether a signal asked the program to end. Install once, before any thread; all members may
/// then be called from any thread.
class StopSignal {
  public:
    StopSignal();  ///< without handlers: never raised unless raise_for_test() is called
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    /// Takes over SIGTERM and SIGINT, and SIGHUP unless it is ignored (nohup); ignores SIGPIPE and
    /// SIGXFSZ, so that a write fails instead; sets SIGCHLD to its default, without which no exit
    /// status could be seen; unblocks what the parent had blocked. Throws Error(config) where the
    /// kernel refuses. Only one object may do so; when it goes, what it took over is at default.
    void install();

    /// What a signal's arrival does: for tests, which have no need of real signals then.
    void raise_for_test(int signal) noexcept { receive(signal); }

    /// The signal that was received first, 0 for none.
    [[nodiscard]] int signal() const noexcept;
    [[nodiscard]] bool raised() const noexcept { return signal() != 0; }

    /// Readable from the moment a signal came, for poll(2). Owned by this object.
    [[nodiscard]] int fd() const noexcept { return event_.get(); }

    /// Sleeps until the time is over (true) or a signal came (false).
    [[nodiscard]] bool sleep_for(std::chrono::nanoseconds duration) const;

  private:
    static void handle(int signal) noexcept;
    void receive(int signal) noexcept;

    Fd event_;
    std::atomic<int> received_{0};
};

}  // namespace ops
