#include "agents/disk_budget.hpp"

#include <algorithm>

#include "rules/text.hpp"
#include "world/files.hpp"

namespace ops {
namespace {

/// What is never used, so that agents can go on writing: 1 % of the disk, at most 64 MiB.
std::uint64_t reserve_of(const Space& space) {
    return std::min<std::uint64_t>(space.total_bytes / 100, 64ULL * 1024 * 1024);
}

constexpr std::uint64_t inode_reserve = 100;

}  // namespace

std::string DiskBudget::Share::ask(std::uint64_t bytes) {
    const std::lock_guard guard(budget_.mutex_);
    const Space space = space_of(budget_.dir_);
    const std::uint64_t taken = budget_.promised_ + reserve_of(space);
    const std::uint64_t free = space.free_bytes > taken ? space.free_bytes - taken : 0;
    if (bytes > free)
        return "not enough disk space on " + budget_.dir_.string() + ": " + std::to_string(bytes) +
               " bytes needed, " + std::to_string(free) + " bytes free";
    budget_.promised_ += bytes;
    open_ += bytes;
    return "";
}

void DiskBudget::Share::written(std::uint64_t bytes) {
    const std::lock_guard guard(budget_.mutex_);
    const std::uint64_t settled = std::min(bytes, open_);
    open_ -= settled;
    budget_.promised_ -= settled;
}

void DiskBudget::Share::release() {
    const std::lock_guard guard(budget_.mutex_);
    budget_.promised_ -= open_;
    open_ = 0;
}

std::string DiskBudget::exhausted() const {
    const Space space = space_of(dir_);
    if (space.free_bytes < reserve_of(space))
        return "the disk of " + dir_.string() + " is full: " + std::to_string(space.free_bytes) +
               " bytes free";
    if (space.free_inodes < inode_reserve)
        return "the disk of " + dir_.string() + " has no inodes left";
    return "";
}

}  // namespace ops
