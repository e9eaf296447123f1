// What the updater remembers of an agent between passes, and its JSON form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/digest.hpp"
#include "rules/identity.hpp"

namespace ops {

/// A version dir that the updater made. Only these does it ever remove.
struct Deployment {
    std::string version;
    Digests digests;  ///< of the tarball, as far as known
    std::int64_t used_at =
        0;  ///< unix seconds: when it was last switched to or away from, or staged
    bool operator==(const Deployment&) const = default;
};

/// The last switch: all that is needed to finish or undo it.
struct Switch {
    enum class Phase {
        pending,    ///< `to` was not yet seen started
        probation,  ///< it was; until the time is over it has to prove itself
        undoing,    ///< a rollback was decided and is not finished
    };
    std::string from;  ///< the previous version; "" for a first install
    std::string to;
    Digests digests;      ///< of `to`
    std::int64_t at = 0;  ///< unix seconds of the switch
    std::string boot_id;  ///< the boot in which `restarts` are counted
    Phase phase = Phase::pending;
    int restarts = 0;            ///< how often `to` was found stopped in probation
    std::uint64_t new_tree = 0;  ///< republished build (from == to): inode of the new tree; else 0
    bool operator==(const Switch&) const = default;
};

/// A version that did not come up, or died on probation.
struct Failure {
    std::string version;
    Digests digests;
    std::string cause;   ///< one line
    std::string output;  ///< the script's last output, printable, several lines
    int tries = 0;
    std::int64_t failed_at = 0;  ///< unix seconds
    std::int64_t retry_at = 0;   ///< unix seconds; not before then again
    bool operator==(const Failure&) const = default;
};

/// What went wrong for the agent in the last pass, for the next report; gone when all is well.
struct Trouble {
    std::string version;
    std::string message;
    std::int64_t at = 0;
    bool operator==(const Trouble&) const = default;
};

struct AgentMemory {
    std::vector<Deployment> deployed;
    std::optional<Switch> last_switch;
    std::optional<Failure> failure;
    std::optional<Trouble> trouble;
    Cmd wanted = Cmd::none;  ///< what the last pass that handled the agent was told
    Digests aside;  ///< of the republished build that is staged aside; empty: what is there is the
                    ///< old tree
    bool operator==(const AgentMemory&) const = default;

    [[nodiscard]] const Deployment* find(const std::string& version) const;
    /// The deployment of `version`, made if there is none.
    Deployment& deployment(const std::string& version);
    /// Notes that `version` is used now: later than all others, whatever the clock says.
    void use(const std::string& version, std::int64_t now);
};

std::string to_json(const AgentMemory& memory);

/// Throws Error where the text is not what to_json() writes: the caller sets the file aside.
AgentMemory parse_memory(std::string_view text);

/// How the last pass ended, for --status and the metrics.
struct LastPass {
    std::int64_t finished_at = 0;
    std::int64_t success_at = 0;  ///< the last one that ended with 0
    int exit_code = 0;
    double duration = 0;              ///< seconds, without the splay
    std::vector<std::string> errors;  ///< of the pass itself, not of agents
    bool operator==(const LastPass&) const = default;
};

std::string to_json(const LastPass& last);
LastPass parse_last_pass(std::string_view text);

/// The last good answer, bound to whom it was given.
struct KeptAnswer {
    std::string server;
    std::string protocol;
    std::string hostname;
    std::int64_t at = 0;
    std::string body;
    bool operator==(const KeptAnswer&) const = default;
};

std::string to_json(const KeptAnswer& kept);
KeptAnswer parse_kept_answer(std::string_view text);

/// The running pass, for whoever finds the lock held.
struct Running {
    int pid = 0;
    std::uint64_t start_ticks = 0;  ///< field 22 of /proc/PID/stat: tells a recycled pid
    std::int64_t splay_until = 0;   ///< unix seconds; 0: not in its splay
    bool operator==(const Running&) const = default;
};

std::string to_json(const Running& running);
Running parse_running(std::string_view text);

}  // namespace ops
