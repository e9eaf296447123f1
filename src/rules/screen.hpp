// Text laid out for a terminal: colours, widths, columns. The views are made of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ops {

enum class Paint { plain, bold, dim, red, green, yellow };

/// `text` in that colour; unchanged where `colour` is false or there is nothing to paint.
std::string painted(std::string_view text, Paint paint, bool colour);

/// The columns that UTF-8 text takes on a terminal: wide East Asian characters take two, combining
/// ones none.
int display_width(std::string_view text);

/// `text` in lines of at most `columns`, broken at blanks; a longer word has a line of its own.
/// Always at least one line. `columns` <= 0: no limit.
std::vector<std::string> wrapped(std::string_view text, int columns);

/// "1 agent", "3 agents".
std::string counted(int count, std::string_view noun);

/// "agent: message" as one line, where the message does not begin so already or there is no agent.
std::string named(const std::string& agent, const std::string& message);

struct Cell {
    std::string text;  ///< one line
    Paint paint = Paint::plain;
};

struct TableRow {
    std::vector<Cell> cells;
    Paint paint = Paint::plain;  ///< of the cells that have none of their own
};

/// Each row as one or several lines with line feeds: two blanks between columns, all columns as
/// wide as their widest cell, the last one wrapped to fit into `columns`.
std::vector<std::string> laid_out(const std::vector<TableRow>& rows, int columns, bool colour);

/// Where the column begins in what laid_out() makes of these rows.
int column_offset(const std::vector<TableRow>& rows, std::size_t column);

/// `text` wrapped, with `margin` blanks before each line, `mark` before the first and as many
/// blanks before the others; ends with a line feed.
std::string indented(int margin, std::string_view mark, std::string_view text, Paint paint,
                     int columns, bool colour);

}  // namespace ops
