// Threads for the HTTP library, as many as there are clients, within a limit.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "http_library.hpp"

namespace meta {

/// The library gives each connection a thread for as long as it is kept alive, and its own pool
/// has a fixed handful: a few idle clients would block all others. This one grows on demand.
class GrowingPool : public httplib::TaskQueue {
  public:
    explicit GrowingPool(std::size_t max_threads) : max_threads_(max_threads) {}

    void enqueue(std::function<void()> task) override;

    /// Lets the tasks that are there end, then joins all threads.
    void shutdown() override;

  private:
    void work();

    const std::size_t max_threads_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> tasks_;
    std::vector<std::thread> threads_;
    std::size_t idle_ = 0;
    bool ending_ = false;
};

}  // namespace meta
