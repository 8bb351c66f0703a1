// The Markdown of the reference pages: reads its tables, and makes text for a terminal of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gatecrash::cli {

/// Columns of a terminal for which to_terminal() wraps lines.
constexpr std::size_t terminal_columns = 80;

/// Splits `text` into lines, without their newlines.
[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text);

/// True if `line` begins or ends a block of code.
[[nodiscard]] bool is_fence(std::string_view line);

/// Returns the number of '#' that make `line` a heading; 0 if it is none.
[[nodiscard]] std::size_t heading_level(std::string_view line);

/// Returns the cells of a row of a table, without the spaces around them. Empty if `line` is no row.
[[nodiscard]] std::vector<std::string> cells_of(std::string_view line);
/// True if `cells` are the line between the head of a table and its rows.
[[nodiscard]] bool is_rule(const std::vector<std::string>& cells);

/// Returns `text` without the targets of links and without '*' for bold. Backticks stay.
[[nodiscard]] std::string without_markup(std::string_view text);

/// Breaks `text` at spaces into lines of at most terminal_columns. The first line begins with `first`, each other line
/// with `next`. Every line has its newline. A word that is longer than a line stays whole.
[[nodiscard]] std::string wrapped(std::string_view text, std::string_view first, std::string_view next);

/// Returns a part of a page as text for a terminal. Paragraphs and lists are wrapped, and code stays as it is. A row of
/// a table becomes an item of a list, and the head of the table labels its cells.
[[nodiscard]] std::string to_terminal(std::string_view markdown);

}  // namespace gatecrash::cli
