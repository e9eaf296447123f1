// Digests of the tarballs in this server's own folder.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

#include "wire.hpp"

namespace meta {

/// Computes digests from the tarballs themselves (a digest file that somebody forgot to renew
/// cannot lie), each once until the file changes. From any thread.
class Digests {
  public:
    explicit Digests(std::string folder) : folder_(std::move(folder)) {}

    /// Lower case hex; nothing where the file cannot be read.
    std::optional<std::string> of(DigestKind kind, const std::string& file_name);

  private:
    using Stamp = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t>;
    struct Known {
        Stamp stamp;
        std::string hex;
    };

    const std::string folder_;
    std::mutex mutex_;
    std::map<std::pair<DigestKind, std::string>, Known> known_;
};

}  // namespace meta
