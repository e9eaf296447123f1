// Staging: download, verify and unpack a version without touching the running one.
#pragma once

#include <filesystem>
#include <semaphore>
#include <string>

#include "agents/disk_budget.hpp"
#include "agents/tools.hpp"
#include "agents/unpack.hpp"
#include "rules/config.hpp"
#include "rules/desired.hpp"
#include "rules/layout.hpp"
#include "world/http.hpp"
#include "world/log.hpp"
#include "world/stop.hpp"

namespace ops {

/// What all stages of a pass share. Thread-safe on different agents; what is passed in must outlive
/// it.
class Stager {
  public:
    Stager(const Layout& layout, const Config& config, const Tools& tools, Http& http, Log& log,
           const StopSignal& stop);

    /// So many versions will be staged (`download.jobs` where nobody says so): each download gets
    /// an equal part of `download.max_rate`, so that the sum stays below it however many run. To be
    /// called before the first of them.
    void share_rate(std::size_t stages);

    /// Makes `entry`'s version complete in `stage.dir`, which exists: fetches the digest, takes a
    /// tarball or part that is there already, downloads the rest, verifies, unpacks. Returns what
    /// is now known of its digests. Throws Error (one line, without agent and version) or Stopped.
    Digests stage(const Entry& entry, const StagePaths& stage);

    /// The digest that the tarball must have: the answer's own, or the digest file's.
    Digest expected_digest(const Entry& entry);

  private:
    void fetch_tarball(const Entry& entry, const StagePaths& stage, const Digest& expected);
    void download(const Entry& entry, const StagePaths& stage, bool& resumed);
    void verify(const Entry& entry, const std::filesystem::path& file, const StagePaths& stage,
                const Digest& expected);
    void verify_signature(const Entry& entry, const std::filesystem::path& file,
                          const StagePaths& stage);
    std::string digest_of(DigestKind kind, const std::filesystem::path& file);
    std::string fetch_text(const std::string& url, const std::string& what, std::size_t max_bytes);

    const Layout& layout_;
    const Config& config_;
    const Tools& tools_;
    Http& http_;
    Log& log_;
    const StopSignal& stop_;
    DiskBudget budget_;
    std::counting_semaphore<> slots_;
    std::uint64_t max_rate_ = 0;  ///< of one download, bytes per second; 0: none
};

}  // namespace ops
