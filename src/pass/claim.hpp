// One pass at a time: the lock, the pid file, and who holds them.
#pragma once

#include <cstdint>

#include "rules/layout.hpp"
#include "world/lock.hpp"
#include "world/log.hpp"

namespace ops {

/// The ops dir is this pass's own while the object lives.
class Claim {
  public:
    /// Throws Error(locked) that says who holds it: another pass's pid and, in its splay, until
    /// when; a resident ancestor; or another program. With `leave_no_trace` (a dry run) no pid file
    /// is written.
    Claim(const Layout& layout, bool leave_no_trace, Log& log);
    ~Claim();  ///< removes the pid file, then lets the lock go
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    /// Tells others until when (unix seconds) the splay lasts; 0: it is over. Like the pid file it
    /// is for people: what prevents it (a full disk) is warned of and does not end the pass.
    void announce_splay(std::int64_t until);

  private:
    void leave(const std::filesystem::path& path, const std::string& content, unsigned mode);

    const Layout& layout_;
    Log& log_;
    DirLock lock_;
    bool traces_;
    bool splay_announced_ = false;
};

/// The live pass that the pid file names; 0 without one.
int running_pass(const Layout& layout);

/// Until when (unix seconds) that pass sleeps its splay; 0 if it does not.
std::int64_t splay_end(const Layout& layout, int pid);

}  // namespace ops
