// Running other programs: by argv, in their own session, with a deadline.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "world/fd.hpp"
#include "world/stop.hpp"

namespace ops {

struct Exited {
    int code = 0;
};
struct Signalled {
    int signal = 0;
};
/// The deadline passed; the whole process group got SIGTERM, then SIGKILL.
struct TimedOut {
    std::chrono::milliseconds after{};
};
/// A stop signal came while the caller allowed that to end it; the group was killed likewise.
struct Interrupted {};
/// It could not be started at all.
struct NotStarted {
    int error = 0;  ///< errno
};

/// How a program ended. A timeout cannot be mistaken for an exit code.
using Outcome = std::variant<Exited, Signalled, TimedOut, Interrupted, NotStarted>;

bool succeeded(const Outcome& outcome);  ///< exited with 0

/// "exit 3", "killed by signal 9 (Killed)", "timed out after 10 s", "interrupted", "could not be
/// started: Exec format error".
std::string to_string(const Outcome& outcome);

struct Command {
    std::vector<std::string> argv;         ///< argv[0] is the absolute path of the program
    std::filesystem::path directory;       ///< where it runs; "": where we are
    std::vector<std::string> environment;  ///< "NAME=value"; all of it
    std::chrono::milliseconds timeout{std::chrono::seconds(60)};
    int input = -1;            ///< descriptor for its stdin, not owned; -1: /dev/null
    int output = -1;           ///< descriptor for its stdout and stderr, not owned; -1: captured
    int held = -1;             ///< descriptor that it gets as 3, not owned: for the lock on it
    std::size_t keep = 65536;  ///< how many of the last captured bytes are kept
    /// If set, a signal ends the program, or keeps it from starting: Interrupted.
    const StopSignal* stop = nullptr;
    /// Called with each captured piece, from the thread that runs the command.
    std::function<void(std::string_view)> on_output;
    /// Called about every 100 ms while it runs; what it returns, if not empty, kills the program:
    /// the outcome is Interrupted and `Result::aborted` has the text.
    std::function<std::string()> watch;
    std::optional<std::uint64_t> max_file_size;  ///< RLIMIT_FSIZE of the program
};

struct Result {
    Outcome outcome;
    std::string output;   ///< the last `keep` bytes of stdout and stderr, as they came
    std::string aborted;  ///< why `watch` ended it
};

/// Runs one program to its *exit* — a daemon that it leaves behind with the pipe open does not
/// delay us. Its session is new, its signals are at default and none is blocked, it inherits
/// descriptors 0 to 2 only, and `held`. When this returns, the program is reaped and, after
/// TimedOut and Interrupted, its process group is gone: 2 s after SIGTERM at the latest SIGKILL is
/// sent; what the kernel holds in an uninterruptible sleep even then is left behind after 3 s more.
/// Where SIGCHLD is ignored the kernel forgets how the program ended: NotStarted with ECHILD, never
/// a success (StopSignal::install() sees to it). Thread-safe. The umask is the process's (main sets
/// 022).
Result run(const Command& command);

/// Runs several at once, at most `parallel` that have run for less than a second: one that waits
/// long does not hold back the others. Results in the order of the commands. One thread. The
/// timeout of each counts from its own start.
std::vector<Result> run_all(const std::vector<Command>& commands, std::size_t parallel);

/// This process's environment with PATH completed by the sbin folders (all six usual folders where
/// it is unset or empty): what control scripts get.
std::vector<std::string> script_environment();

/// The same, with LC_ALL=C and without what changes the tools' behaviour (TAR_OPTIONS, GZIP,
/// POSIXLY_CORRECT …).
std::vector<std::string> tool_environment();

/// The value of PATH in script_environment().
std::string search_path();

/// The absolute path of `program` in the folders of `path` (colon-separated; relative folders are
/// passed over).
std::optional<std::string> find_program(const std::string& program, const std::string& path);

}  // namespace ops
