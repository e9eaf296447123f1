// Running programs from a test: in the foreground, in the background, under odd circumstances.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace e2e {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// True as soon as `condition` is; false when it still is not at the limit. Asks every few ms.
template <class Condition>
bool eventually(const Condition& condition, milliseconds limit = seconds(15)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    for (;;) {
        if (condition()) return true;
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(milliseconds(5));
    }
}

/// How a program ended, as a shell would tell it.
struct Result {
    int code = -1;  ///< its exit code, or 128+N where signal N ended it
    std::string out;
    std::string err;
    double seconds = 0;
    long peak_kb = 0;  ///< the largest resident size of it or of a program that it ran

    /// For a failing check: code and all that was printed.
    [[nodiscard]] std::string story() const;
};

struct Launch {
    std::vector<std::string> argv;  ///< argv[0] is a path
    std::vector<std::string> env;   ///< "NAME=value"; all of it
    fs::path directory;             ///< where it runs
    std::string input;              ///< its stdin; empty: /dev/null
    std::optional<uid_t> user;      ///< as whom, where not as us
    fs::path output_prefix;         ///< its stdout and stderr go to PREFIX.out and PREFIX.err
    /// Runs between fork and exec: async-signal-safe calls only.
    std::function<void()> in_child;
};

/// A started program. Nothing of the test's descriptors is open in it. Killed when this goes.
class Process {
  public:
    explicit Process(const Launch& launch);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool running();
    void kill(int signal) const;
    /// Waits for its end. Throws (and kills it) when it has not ended at the limit.
    Result wait(milliseconds limit = seconds(40));
    /// Somebody else has waited for it (a tracer must): this is what waitpid said.
    Result over(int wait_status);
    [[nodiscard]] std::string out() const;
    [[nodiscard]] std::string err() const;

  private:
    bool ended(int options);
    void note_end(int wait_status);
    Result collected();

    pid_t pid_ = -1;
    bool over_ = false;
    fs::path output_;
    std::chrono::steady_clock::time_point begin_;
    Result result_;
};

/// Runs `sh -c script` with this environment; throws where it fails. Its stdout.
std::string shell(const std::string& script);

/// A live process (a zombie is none) whose working dir, program or arguments lie within `dir`.
std::vector<pid_t> processes_within(const fs::path& dir);
bool is_alive(pid_t pid);
/// "NAME: arguments, in DIR": for messages.
std::string describe_process(pid_t pid);

}  // namespace e2e
