// A tracer (ptrace) that counts the system calls of a program and of the tools it runs, and can
// kill a process at one of them or let that one fail. All processes and threads of a program are
// counted together, in the order in which their calls come: so each single call can be met,
// whichever thread makes it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "../support/process.hpp"

namespace crash {

/// Calls by program and name. "updater" is the traced program itself, "child" what it has forked
/// and what is not yet another program.
using Counts = std::map<std::string, std::map<std::string, int>>;

/// What is to happen at the `nth` call of `syscall` in `program`.
struct Injection {
    std::string program;
    std::string syscall;
    int nth = 0;
    int error = 0;  ///< errno that the call returns instead of being made; 0: SIGKILL before it
};

struct Traced {
    e2e::Result result;  ///< of the program itself
    Counts counts;
    bool injected = false;
};

/// Who wants to see what the traced program (not its tools) does.
class Observer {
  public:
    virtual ~Observer() = default;
    /// It stands before that call.
    virtual void before(const std::string& call) = 0;
    /// fsync, fdatasync or syncfs of that descriptor has succeeded.
    virtual void synced(pid_t pid, const std::string& call, int fd) = 0;
};

/// Runs it to its end, and the tools that it started to theirs. Scripts are let go at their exec:
/// what happens in them is the agents' business.
Traced run_traced(const e2e::Launch& launch, const std::optional<Injection>& injection,
                  Observer* observer = nullptr);

}  // namespace crash
