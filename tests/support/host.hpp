// A host: an ops dir of its own, agents in it, and the real program run on it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "files.hpp"
#include "process.hpp"
#include "release.hpp"

namespace e2e {

/// Whose host it is: that of whoever runs the tests, or, where that is root, of an unprivileged
/// user.
enum class User { self, nobody };

/// Both where both can be had, else only ourselves.
std::vector<User> users();
std::string to_string(User user);

/// The program under test: $OPS_UPDATER, else build/ops-updater.
fs::path program_under_test();

/// One line of the journal that the control scripts write.
struct Event {
    double at = 0;  ///< seconds since boot
    std::string agent;
    std::string version;
    std::string verb;
};

/// How a run differs from the usual one.
struct RunOptions {
    std::vector<std::string> args;  ///< behind the usual ones
    bool bare = false;              ///< only `args`
    fs::path program;               ///< another one than the program under test
    fs::path directory;             ///< where it runs; else the host's root
    /// On top of the usual environment; a null takes a variable away.
    std::map<std::string, std::optional<std::string>> env;
    bool empty_env = false;  ///< nothing but `env`
    std::string input;
    std::function<void()> in_child;
    milliseconds limit = seconds(40);
};

class Host {
  public:
    explicit Host(User user = User::self);
    /// Stops every agent and removes everything. What else still ran is a problem().
    ~Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    fs::path root;                ///< of everything: journal, configuration, ops dir
    fs::path ops;                 ///< the ops dir
    std::string server;           ///< what --server says; empty: not said
    std::string name = "web-01";  ///< what --hostname says

    // --- configuration -------------------------------------------------------------------------
    /// A top-level key with its value as YAML: set("keep_versions", "2").
    void set(const std::string& key, const std::string& value) { settings_[key] = value; }
    void timeout(const std::string& key, int secs) { timeouts_[key] = secs; }
    [[nodiscard]] fs::path config_file() const { return root / "ops-updater.yaml"; }
    /// All of it; written before each run.
    [[nodiscard]] std::string config() const;

    // --- files ---------------------------------------------------------------------------------
    /// Writes a file (with its folders) as the host's user; relative paths lie in the ops dir.
    void write(const fs::path& file, std::string_view content, mode_t mode = 0644);
    void make_dir(const fs::path& dir, mode_t mode = 0755);
    /// Gives everything below it to the host's user.
    void own(const fs::path& path) const;
    [[nodiscard]] fs::path agent_dir(const std::string& agent) const { return ops / agent; }
    [[nodiscard]] fs::path dir(const Release& release) const;
    [[nodiscard]] fs::path tarball(const Release& release) const;
    /// A file beside the ops dir that scripts can ask for: `[ -e FLAG ]`.
    [[nodiscard]] std::string flag(const std::string& flag) const {
        return root / ("flag-" + flag);
    }
    void raise(const std::string& flag_name);
    void lower(const std::string& flag_name);
    [[nodiscard]] bool raised(const std::string& flag_name) const;

    // --- agents --------------------------------------------------------------------------------
    Release release(const std::string& name, const std::string& version) {
        return {root, name, version};
    }
    void unpack(const Release& release);  ///< by hand, as an operator would
    void select(const Release& release);  ///< writes `.version`
    void has(const Release& release);     ///< unpacked and selected, not started
    void has_running(const Release& release);
    /// Runs its control script as a person would; its exit code.
    int control(const Release& release, const std::string& verb);
    void crash(const Release& release);  ///< kill -9 of its daemon

    [[nodiscard]] std::string version(const std::string& agent) const;  ///< `.version`, as it is
    [[nodiscard]] bool alive(const Release& release) const;  ///< its daemon runs in its version dir
    /// It is the version in use, its daemon runs, and no other version's.
    [[nodiscard]] bool runs_only(const Release& release) const;
    [[nodiscard]] std::vector<std::string> running_versions(const std::string& agent) const;
    [[nodiscard]] std::optional<pid_t> daemon_pid(const Release& release) const;
    /// What is in its version dir that was not published, or is there otherwise; "" if nothing.
    [[nodiscard]] std::string difference(const Release& release) const;
    /// All that a download or an unpack may leave, anywhere in the ops dir.
    [[nodiscard]] std::vector<std::string> leftovers() const;

    [[nodiscard]] std::vector<Event> journal() const;
    /// "1.0.0 stop", "1.0.1 start": what was asked of an agent, but for status.
    [[nodiscard]] std::vector<std::string> deeds(const std::string& agent) const;
    [[nodiscard]] int count(const Release& release, const std::string& verb) const;
    void forget_journal();

    // --- runs ----------------------------------------------------------------------------------
    Result run(const RunOptions& options = {});
    Process start(const RunOptions& options = {});
    /// What start() launches.
    Launch launch(const RunOptions& options);
    [[nodiscard]] std::vector<std::string> usual_args() const;
    [[nodiscard]] std::map<std::string, std::string> usual_env() const;
    [[nodiscard]] uid_t uid() const;

    /// Ends every process within this host, agents and strays alike.
    void stop_everything() const;
    /// Processes that nobody will stop: alive within this host and no agent's daemon.
    [[nodiscard]] std::vector<std::string> strays() const;
    /// A pass was killed on purpose while a script hung: its end is not asked for.
    void forgive_strays() { forgiven_ = true; }
    /// Called with each problem found at the end of a host; the tests make failures of them.
    static inline std::function<void(const std::string&)> on_problem;

  private:
    User user_;
    bool forgiven_ = false;
    int runs_ = 0;
    std::map<std::string, std::string> settings_;
    std::map<std::string, int> timeouts_;
};

}  // namespace e2e
