// The free space of the ops dir, shared by all stages of a pass.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>

namespace ops {

/// What is promised to one stage counts against the others, until it is really on disk.
/// Thread-safe.
class DiskBudget {
  public:
    /// A promise of space; gives it back when it goes.
    class Share {
      public:
        explicit Share(DiskBudget& budget) : budget_(budget) {}
        ~Share() { release(); }
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;

        /// Asks for `bytes` more. Says nothing when they were granted, else one line with the bytes
        /// needed and free.
        std::string ask(std::uint64_t bytes);
        /// So many of the granted bytes are on disk by now, and missing from its free space.
        void written(std::uint64_t bytes);
        void release();

      private:
        DiskBudget& budget_;
        std::uint64_t open_ = 0;  ///< granted, not yet written
    };

    explicit DiskBudget(std::filesystem::path dir) : dir_(std::move(dir)) {}

    /// Not empty once the disk is so full that whoever still writes must end: one line that says
    /// so.
    [[nodiscard]] std::string exhausted() const;

  private:
    std::filesystem::path dir_;
    std::mutex mutex_;
    std::uint64_t promised_ = 0;
};

}  // namespace ops
