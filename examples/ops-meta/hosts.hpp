// Which host reported what, and when.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "wire.hpp"

namespace meta {

struct Host {
    std::string name;
    std::string address;
    Shape shape = Shape::list;
    std::int64_t last_report = 0;  ///< unix seconds
    std::uint64_t reports = 0;     ///< since this server started
    std::vector<ReportedAgent> agents;
};

/// The last report of each host, bounded in number and in bytes: beyond that, the hosts that
/// have been silent for longest are forgotten. From any thread.
class Hosts {
  public:
    static constexpr std::size_t default_max_hosts = 100'000;
    static constexpr std::size_t default_max_bytes = std::size_t{256} * 1024 * 1024;

    explicit Hosts(std::size_t max_hosts = default_max_hosts,
                   std::size_t max_bytes = default_max_bytes)
        : max_hosts_(max_hosts), max_bytes_(max_bytes) {}

    void record(Host host);

    /// All hosts, by name.
    [[nodiscard]] std::vector<Host> all() const;

  private:
    using Order = std::list<Host>;  ///< the one that reported last comes first
    void forget(Order::iterator host);

    const std::size_t max_hosts_;
    const std::size_t max_bytes_;
    mutable std::mutex mutex_;
    Order order_;
    std::unordered_map<std::string, Order::iterator> by_name_;
    std::size_t bytes_ = 0;
};

}  // namespace meta
