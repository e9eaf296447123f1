// What the log shows of running work on a terminal: a line an agent. Times are the caller's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ops {

struct Screen {
    std::size_t columns = 80;
    std::size_t rows = 24;
};

/// One agent's step, and for downloads how fast it went of late.
class ProgressItem {
  public:
    ProgressItem(std::string step, std::uint64_t done, std::int64_t now_ms)
        : step_(std::move(step)), done_(done), sampled_done_(done), sampled_at_ms_(now_ms) {}

    [[nodiscard]] const std::string& step() const { return step_; }
    void update(std::uint64_t done, std::uint64_t total, std::int64_t now_ms);

    [[nodiscard]] bool has_bar() const { return total_ > 0; }
    [[nodiscard]] double share() const;         ///< 0 to 1
    [[nodiscard]] std::string size() const;     ///< "  of 45.6 MiB"
    [[nodiscard]] std::string numbers() const;  ///< " 42%  1.2 MiB/s  35s left"

  private:
    std::string step_;
    std::uint64_t done_ = 0;
    std::uint64_t total_ = 0;
    std::uint64_t sampled_done_ = 0;
    std::int64_t sampled_at_ms_ = 0;
    double bytes_per_second_ = 0;
};

/// Lines that fit the screen, none of which wraps and which do not fill it: bars and sizes as there
/// is room for; agents there is no row for are counted.
/// "falcon-agent  downloading 1.0.1  [=====>    ]  42%  1.2 MiB/s  35s left  of 45.6 MiB".
std::vector<std::string> progress_lines(const std::map<std::string, ProgressItem>& items,
                                        const Screen& screen);

}  // namespace ops
