#include "world/progress.hpp"

#include <algorithm>
#include <cmath>

#include "rules/text.hpp"

namespace ops {

namespace {

constexpr std::int64_t rate_sample_ms = 500;
constexpr double stalled_rate = 1024;  ///< below it, to tell the time left makes no sense
constexpr std::size_t longest_bar = 30;
constexpr std::size_t shortest_bar = 8;
constexpr std::size_t longest_padding = 40;  ///< of a column: one odd name does not push all aside

/// How wide the columns are.
struct Columns {
    std::size_t agent = 0;
    std::size_t step = 0;
    std::size_t bar = 0;  ///< between its brackets; 0: none
    bool size = false;
};

/// The first `columns` characters; a character is what a UTF-8 sequence makes.
std::string truncated(std::string text, std::size_t columns) {
    std::size_t seen = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool begins = (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U;
        if (begins && seen++ == columns) {
            text.resize(i);
            break;
        }
    }
    return text;
}

std::string padded(std::string text, std::size_t columns) {
    if (text.size() < columns) text.resize(columns, ' ');
    return text;
}

std::string bar(double share, std::size_t width) {
    const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
    std::string text(width, ' ');
    std::fill_n(text.begin(), full, '=');
    if (full < width) text[full] = '>';
    return "[" + text + "] ";
}

Columns columns_for(const std::map<std::string, ProgressItem>& items, std::size_t columns) {
    Columns result;
    std::size_t numbers = 0;
    std::size_t size = 0;
    for (const auto& [agent, item] : items) {
        result.agent = std::max(result.agent, std::min(agent.size(), longest_padding));
        if (!item.has_bar()) continue;
        result.step = std::max(result.step, std::min(item.step().size(), longest_padding));
        numbers = std::max(numbers, item.numbers().size());
        size = std::max(size, item.size().size());
    }
    constexpr std::size_t gaps = 4;
    constexpr std::size_t brackets = 3;
    const std::size_t taken = result.agent + result.step + gaps + brackets + numbers;
    std::size_t room = columns > taken ? columns - taken : 0;
    result.size = room >= size + 2 * shortest_bar;
    if (result.size) room -= size;
    if (room >= shortest_bar) result.bar = std::min(room, longest_bar);
    return result;
}

std::string line_of(const std::string& agent, const ProgressItem& item, const Columns& columns) {
    std::string line = padded(agent, columns.agent) + "  ";
    const std::string numbers = item.numbers();
    if (!item.has_bar()) return line + item.step() + (numbers.empty() ? "" : "  " + numbers);
    line += padded(item.step(), columns.step) + "  ";
    if (columns.bar > 0) line += bar(item.share(), columns.bar);
    return line + numbers + (columns.size ? item.size() : "");
}

}  // namespace

void ProgressItem::update(std::uint64_t done, std::uint64_t total, std::int64_t now_ms) {
    done_ = done;
    total_ = total;
    const std::int64_t elapsed = now_ms - sampled_at_ms_;
    if (elapsed < rate_sample_ms) return;
    const double moved = done > sampled_done_ ? static_cast<double>(done - sampled_done_) : 0;
    const double rate = moved * 1000 / static_cast<double>(elapsed);
    bytes_per_second_ = bytes_per_second_ == 0 ? rate : 0.6 * bytes_per_second_ + 0.4 * rate;
    sampled_done_ = done;
    sampled_at_ms_ = now_ms;
}

double ProgressItem::share() const {
    return std::min(1.0, static_cast<double>(done_) / static_cast<double>(std::max(total_, {1})));
}

std::string ProgressItem::size() const {
    return "  of " + human_size(total_);
}

std::string ProgressItem::numbers() const {
    if (done_ == 0 && total_ == 0) return {};
    std::string text = human_size(done_);
    if (total_ > 0) {
        text = std::to_string(static_cast<int>(share() * 100)) + "%";
        text.insert(0, 4 - std::min<std::size_t>(text.size(), 4), ' ');
    }
    if (bytes_per_second_ < 1) return text;
    text += "  " + human_size(static_cast<std::uint64_t>(bytes_per_second_)) + "/s";
    if (total_ <= done_ || bytes_per_second_ < stalled_rate) return text;
    const double left = std::ceil(static_cast<double>(total_ - done_) / bytes_per_second_);
    return text + "  " + human_duration(left) + " left";
}

std::vector<std::string> progress_lines(const std::map<std::string, ProgressItem>& items,
                                        const Screen& screen) {
    const std::size_t width = std::max<std::size_t>(screen.columns, 2) - 1;  // the last one wraps
    const std::size_t height = std::max<std::size_t>(screen.rows, 3) - 1;
    const Columns columns = columns_for(items, width);
    std::vector<std::string> lines;
    for (const auto& [agent, item] : items) {
        const std::size_t missing = items.size() - lines.size();
        if (lines.size() + 1 == height && missing > 1) {
            lines.push_back(truncated("and " + std::to_string(missing) + " more", width));
            break;
        }
        lines.push_back(truncated(one_line(line_of(agent, item, columns), 1000), width));
    }
    return lines;
}

}  // namespace ops
