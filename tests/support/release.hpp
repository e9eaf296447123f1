// Releases of test agents: a real `control` script, a real daemon, a real tarball.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace e2e {

namespace fs = std::filesystem;

/// One version of one agent as its makers publish it. Its `control` script notes each verb with
/// time and version in the host's journal and keeps one daemon (a sleep, which holds the outputs
/// that `start` was given) with its pid in `pid`, in its version dir. The calls that change the
/// script return the release itself, so that a test reads as a sentence.
class Release {
  public:
    /// `root` is the host's root: the journal is there, tarballs are packed there.
    Release(fs::path root, std::string name, std::string version);

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const std::string& version() const { return version_; }

    // --- how it behaves ------------------------------------------------------------------------
    /// Shell lines run at the beginning of that verb, after it was noted in the journal.
    Release& before(const std::string& verb, const std::string& script);
    /// Shell lines instead of what that verb does.
    Release& instead_of(const std::string& verb, const std::string& script);
    /// Shell lines after what that verb does, if it went well.
    Release& after(const std::string& verb, const std::string& script);

    Release& start_fails(const std::string& output = "cannot bind to port 1988");
    Release& start_hangs();         ///< for ten minutes
    Release& start_does_nothing();  ///< exit 0, and the status says stopped
    Release& stop_refuses();        ///< exit 1; the daemon runs on
    Release& stop_hangs();
    Release& status_hangs();
    Release& status_says(const std::string& text);  ///< exactly these bytes, by printf's format
    Release& daemon_lives_for(const std::string& time);  ///< "0.2": dies by itself
    Release& daemon_ignores_term();                      ///< so that `stop` gives up
    Release& daemon(const std::string& command);         ///< another one; put in the background

    // --- what it consists of -------------------------------------------------------------------
    Release& file(const std::string& path, const std::string& content, mode_t mode = 0644);
    [[nodiscard]] std::string control() const;
    /// Every file with its mode and content, `control` included.
    struct File {
        std::string content;
        mode_t mode;
    };
    [[nodiscard]] std::map<std::string, File> files() const;

    // --- as it is published --------------------------------------------------------------------
    /// These bytes are published, whatever they are.
    Release& published_as(std::string tarball);
    [[nodiscard]] const std::string& tarball() const;
    [[nodiscard]] std::string md5() const;
    [[nodiscard]] std::string sha256() const;
    [[nodiscard]] std::string tarball_name() const;  ///< "falcon-agent-1.0.1.tar.gz"
    /// Where the server has it: "/files/falcon-agent-1.0.1.tar.gz"
    [[nodiscard]] std::string path() const { return "/files/" + tarball_name(); }
    [[nodiscard]] std::string md5_path() const { return path() + ".md5"; }
    [[nodiscard]] std::string sha256_path() const { return path() + ".sha256"; }

  private:
    [[nodiscard]] std::string pack() const;

    fs::path root_;
    std::string name_;
    std::string version_;
    std::string daemon_ = "sleep 600";
    std::map<std::string, std::string> before_;
    std::map<std::string, std::string> body_;
    std::map<std::string, std::string> after_;
    std::map<std::string, File> files_;
    mutable std::string tarball_;  // packed when first asked for
};

}  // namespace e2e
