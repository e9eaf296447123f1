#include "hosts.hpp"

#include <algorithm>
#include <iterator>

namespace meta {
namespace {

std::size_t weight(const Host& host) {
    std::size_t bytes = sizeof(Host) + 2 * host.name.size() + host.address.size();
    for (const ReportedAgent& agent : host.agents) {
        bytes += sizeof(ReportedAgent) + agent.name.size() + agent.version.size() +
                 agent.status.size() + agent.error.size();
    }
    return bytes;
}

}  // namespace

void Hosts::record(Host host) {
    const std::lock_guard lock(mutex_);
    host.reports = 1;
    if (const auto found = by_name_.find(host.name); found != by_name_.end()) {
        host.reports += found->second->reports;
        forget(found->second);
    }
    bytes_ += weight(host);
    order_.push_front(std::move(host));
    by_name_[order_.front().name] = order_.begin();
    while (order_.size() > 1 && (order_.size() > max_hosts_ || bytes_ > max_bytes_)) {
        forget(std::prev(order_.end()));
    }
}

void Hosts::forget(Order::iterator host) {
    bytes_ -= weight(*host);
    by_name_.erase(host->name);
    order_.erase(host);
}

std::vector<Host> Hosts::all() const {
    std::vector<Host> hosts;
    {
        const std::lock_guard lock(mutex_);
        hosts.assign(order_.begin(), order_.end());
    }
    std::sort(hosts.begin(), hosts.end(),
              [](const Host& a, const Host& b) { return a.name < b.name; });
    return hosts;
}

}  // namespace meta
