// Every path of the ops dir, in one place.
#pragma once

#include <filesystem>
#include <string>

namespace ops {

/// The files of one agent's one version that a stage makes, in the dir that is being staged.
struct StagePaths {
    std::filesystem::path dir;      ///< the version dir, or the dir that will be exchanged with it
    std::filesystem::path tarball;  ///< its presence marks an unfinished unpack
    std::filesystem::path part;     ///< the download, as far as it came
    std::filesystem::path
        validator;  ///< URL and ETag (or date) of the part: what a resume must match
    std::filesystem::path signature;  ///< the tarball's minisign signature
};

/// Pure: names paths, touches nothing. Agent names and versions must be valid (identity.hpp).
class Layout {
  public:
    explicit Layout(std::filesystem::path ops_dir) : ops_dir_(std::move(ops_dir)) {}

    [[nodiscard]] const std::filesystem::path& ops_dir() const { return ops_dir_; }
    [[nodiscard]] std::filesystem::path pid_file() const;

    [[nodiscard]] std::filesystem::path agent_dir(const std::string& agent) const;
    [[nodiscard]] std::filesystem::path version_file(const std::string& agent) const;
    [[nodiscard]] std::filesystem::path hold_file(const std::string& agent) const;
    [[nodiscard]] std::filesystem::path control_log(const std::string& agent) const;
    [[nodiscard]] std::filesystem::path version_dir(const std::string& agent,
                                                    const std::string& version) const;
    [[nodiscard]] std::filesystem::path control(const std::string& agent,
                                                const std::string& version) const;

    /// A stage in the version dir itself: a version that is not in use.
    [[nodiscard]] StagePaths stage(const std::string& agent, const std::string& version) const;
    /// A stage beside the version dir: a republished build of the version that is in use. After the
    /// exchange the old tree is here, until probation ends.
    [[nodiscard]] StagePaths stage_aside(const std::string& agent,
                                         const std::string& version) const;

    [[nodiscard]] std::filesystem::path state_dir() const;         ///< 0700, the updater's memory
    [[nodiscard]] std::filesystem::path agent_memory_dir() const;  ///< a file an agent
    [[nodiscard]] std::filesystem::path agent_memory(const std::string& agent) const;
    [[nodiscard]] std::filesystem::path aside_dir() const;
    [[nodiscard]] std::filesystem::path answer() const;     ///< the last good answer
    [[nodiscard]] std::filesystem::path last_pass() const;  ///< how the last pass ended
    [[nodiscard]] std::filesystem::path running() const;    ///< the running pass: pid, splay end

    /// "falcon-agent-1.0.1.tar.gz"
    static std::string tarball_name(const std::string& agent, const std::string& version);

  private:
    std::filesystem::path ops_dir_;
};

}  // namespace ops
