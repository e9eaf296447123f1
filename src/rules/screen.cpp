#include "rules/screen.hpp"

#include <algorithm>
#include <array>

#include "rules/text.hpp"

namespace ops {
namespace {

constexpr int gap = 2;
/// Text is not pressed into less, whatever the terminal's width.
constexpr int narrowest = 24;

std::string_view escape_of(Paint paint) {
    switch (paint) {
        case Paint::bold:
            return "\x1b[1m";
        case Paint::dim:
            return "\x1b[2m";
        case Paint::red:
            return "\x1b[31m";
        case Paint::green:
            return "\x1b[32m";
        case Paint::yellow:
            return "\x1b[33m";
        case Paint::plain:
            break;
    }
    return "";
}

struct Range {
    char32_t first;
    char32_t last;
};

template <std::size_t count>
bool is_in(const std::array<Range, count>& ranges, char32_t code) {
    return std::any_of(ranges.begin(), ranges.end(), [code](const Range& range) {
        return code >= range.first && code <= range.last;
    });
}

/// A rough cut of Unicode's East Asian Width: what reasons and script output are written in.
constexpr std::array<Range, 8> wide{{{0x1100, 0x115f},
                                     {0x2e80, 0x303e},
                                     {0x3041, 0xa4cf},
                                     {0xac00, 0xd7a3},
                                     {0xf900, 0xfaff},
                                     {0xfe30, 0xfe6f},
                                     {0xff00, 0xff60},
                                     {0x1f300, 0x1faff}}};
constexpr std::array<Range, 5> combining{
    {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x200b, 0x200d}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}}};

int width_of(char32_t code) {
    if (is_in(combining, code)) return 0;
    const bool supplementary_ideograph = code >= 0x20000 && code <= 0x3fffd;
    return is_in(wide, code) || supplementary_ideograph ? 2 : 1;
}

std::string blanks(int count) {
    return std::string(static_cast<std::size_t>(std::max(count, 0)), ' ');
}

std::vector<int> widths_of(const std::vector<TableRow>& rows) {
    std::vector<int> widths;
    for (const TableRow& row : rows) {
        widths.resize(std::max(widths.size(), row.cells.size()));
        for (std::size_t i = 0; i < row.cells.size(); ++i) {
            widths[i] = std::max(widths[i], display_width(row.cells[i].text));
        }
    }
    return widths;
}

int offset_of(const std::vector<int>& widths, std::size_t column) {
    int offset = 0;
    for (std::size_t i = 0; i < std::min(column, widths.size()); ++i) {
        offset += widths[i] + gap;
    }
    return offset;
}

/// What is left of the line behind `offset`; 0: no limit.
int room(int columns, int offset) {
    return columns <= 0 ? 0 : std::max(columns - offset, narrowest);
}

std::string lay_out(const TableRow& row, const std::vector<int>& widths, int columns, bool colour) {
    std::string line;
    std::string blank_so_far;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const Cell& cell = row.cells[i];
        if (cell.text.empty()) {
            blank_so_far += blanks(widths[i] + gap);
            continue;
        }
        const Paint paint = cell.paint == Paint::plain ? row.paint : cell.paint;
        const int offset = offset_of(widths, i);
        const bool last = i + 1 == widths.size();
        const auto parts = wrapped(cell.text, last ? room(columns, offset) : 0);
        line += blank_so_far;
        for (std::size_t part = 0; part < parts.size(); ++part) {
            if (part > 0) line += "\n" + blanks(offset);
            line += painted(parts[part], paint, colour);
        }
        blank_so_far = blanks(widths[i] + gap - display_width(cell.text));
    }
    return line + "\n";
}

}  // namespace

std::string painted(std::string_view text, Paint paint, bool colour) {
    if (!colour || paint == Paint::plain || text.empty()) return std::string(text);
    return std::string(escape_of(paint)).append(text).append("\x1b[0m");
}

int display_width(std::string_view text) {
    int width = 0;
    char32_t code = 0;
    int missing = 0;  // continuation bytes of the character that was begun
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (missing > 0 && (byte & 0xc0U) == 0x80U) {
            code = (code << 6U) | (byte & 0x3fU);
            if (--missing == 0) width += width_of(code);
            continue;
        }
        missing = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
        code = byte & (0xffU >> static_cast<unsigned>(missing + 2));
        if (missing == 0) ++width;
    }
    return width;
}

std::vector<std::string> wrapped(std::string_view text, int columns) {
    if (columns <= 0 || display_width(text) <= columns) return {std::string(text)};
    std::vector<std::string> lines(1);
    int used = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const int width = display_width(word);
        if (!lines.back().empty() && used + 1 + width > columns) {
            lines.emplace_back();
            used = 0;
        }
        if (!lines.back().empty()) {
            lines.back() += ' ';
            ++used;
        }
        lines.back() += word;
        used += width;
    }
    return lines;
}

std::string counted(int count, std::string_view noun) {
    return std::to_string(count).append(" ").append(noun).append(count == 1 ? "" : "s");
}

std::string named(const std::string& agent, const std::string& message) {
    const std::string text = one_line(message);
    const std::string prefix = one_line(agent) + ":";
    return agent.empty() || text.starts_with(prefix) ? text : prefix + " " + text;
}

std::vector<std::string> laid_out(const std::vector<TableRow>& rows, int columns, bool colour) {
    const std::vector<int> widths = widths_of(rows);
    std::vector<std::string> lines;
    lines.reserve(rows.size());
    for (const TableRow& row : rows) {
        lines.push_back(lay_out(row, widths, columns, colour));
    }
    return lines;
}

int column_offset(const std::vector<TableRow>& rows, std::size_t column) {
    return offset_of(widths_of(rows), column);
}

std::string indented(int margin, std::string_view mark, std::string_view text, Paint paint,
                     int columns, bool colour) {
    const int hanging = display_width(mark);
    std::string before(mark);
    std::string out;
    for (const std::string& line : wrapped(text, room(columns, margin + hanging))) {
        out += blanks(margin) + painted(before + line, paint, colour) + "\n";
        before = blanks(hanging);
    }
    return out;
}

}  // namespace ops
