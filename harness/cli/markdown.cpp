#include "cli/markdown.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace gatecrash::cli {
namespace {

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

/// Returns how many characters of `line` stand before the text of a list's item; 0 if it is none.
std::size_t item_indent(std::string_view line) {
    const auto begin = std::min(line.find_first_not_of(' '), line.size());
    const auto rest = line.substr(begin);
    if (rest.starts_with("- ") || rest.starts_with("* ")) return begin + 2;
    const auto digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    return digits != 0 && rest.substr(digits).starts_with(". ") ? begin + digits + 2 : 0;
}

/// Makes text of Markdown, block by block.
class TerminalWriter {
  public:
    std::string write(std::string_view markdown) {
        for (const auto line : lines_of(markdown)) take(line);
        end_block();
        return std::move(text_);
    }

  private:
    enum class Block : std::uint8_t { none, paragraph, item, code, table };

    void take(std::string_view line) {
        if (is_fence(line)) {
            end_block();
            is_code_ = !is_code_;
            if (is_code_) begin(Block::code);
            return;
        }
        if (is_code_) {
            text_ += line.empty() ? "\n" : fmt::format("    {}\n", line);
            return;
        }
        const auto level = heading_level(line);
        if (trimmed(line).empty()) return end_block();
        if (level != 0) return take_heading(line.substr(level));
        if (auto cells = cells_of(line); !cells.empty()) return take_row(std::move(cells));
        if (const auto indent = item_indent(line); indent != 0) return take_item(line, indent);
        if (block_ != Block::paragraph && block_ != Block::item) begin(Block::paragraph);
        pending_ += (pending_.empty() ? "" : " ") + std::string(trimmed(line));
    }

    void take_heading(std::string_view title) {
        end_block();
        begin(Block::paragraph);
        pending_ = trimmed(title);
        end_block();
    }

    void take_item(std::string_view line, std::size_t indent) {
        end_block();
        begin(Block::item);
        first_ = line.substr(0, indent);
        next_.assign(indent, ' ');
        pending_ = trimmed(line.substr(indent));
    }

    void take_row(std::vector<std::string> cells) {
        if (block_ != Block::table) {
            end_block();
            begin(Block::table);
            head_ = std::move(cells);
            return;
        }
        if (is_rule(cells)) return;
        cells.resize(head_.size());
        if (cells.size() == 2) {
            text_ += wrapped(without_markup(fmt::format("{}: {}", cells[0], cells[1])), "- ", "  ");
            return;
        }
        text_ += wrapped(without_markup(cells[0]), "- ", "  ");
        for (std::size_t i = 1; i < cells.size(); ++i) {
            if (cells[i].empty()) continue;
            text_ += wrapped(without_markup(fmt::format("{}: {}", head_[i], cells[i])), "  - ", "    ");
        }
    }

    /// Separates a block from the one before it. Items of one list stand together.
    void begin(Block block) {
        if (!text_.empty() && !(block == Block::item && last_ == Block::item)) text_ += "\n";
        block_ = last_ = block;
    }

    void end_block() {
        if (!pending_.empty()) text_ += wrapped(without_markup(pending_), first_, next_);
        pending_.clear();
        first_.clear();
        next_.clear();
        block_ = Block::none;
    }

    std::string text_;
    Block block_ = Block::none, last_ = Block::none;
    bool is_code_ = false;
    std::string pending_, first_, next_;  ///< of a paragraph or an item: its text, and what its lines begin with
    std::vector<std::string> head_;       ///< of a table
};

}  // namespace

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

bool is_fence(std::string_view line) { return line.starts_with("```"); }

std::size_t heading_level(std::string_view line) {
    const auto level = std::min(line.find_first_not_of('#'), line.size());
    return level != 0 && line.substr(level).starts_with(' ') ? level : 0;
}

std::vector<std::string> cells_of(std::string_view line) {
    line = trimmed(line);
    if (line.size() < 2 || line.front() != '|' || line.back() != '|') return {};
    std::vector<std::string> cells(1);
    for (std::size_t i = 1; i < line.size(); ++i) {
        if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
            cells.back() += line[++i];
        } else if (line[i] == '|') {
            cells.emplace_back();
        } else {
            cells.back() += line[i];
        }
    }
    cells.pop_back();  // after the last '|' there is nothing
    for (auto& cell : cells) cell = std::string(trimmed(cell));
    return cells;
}

bool is_rule(const std::vector<std::string>& cells) {
    return std::ranges::all_of(
        cells, [](const auto& cell) { return !cell.empty() && cell.find_first_not_of(":-") == std::string::npos; });
}

std::string without_markup(std::string_view text) {
    std::string plain;
    bool is_code = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '`') is_code = !is_code;
        if (is_code) {
            plain += text[i];
            continue;
        }
        if (text.substr(i).starts_with("**")) {
            ++i;
            continue;
        }
        // "[TEXT](TARGET)": keeps TEXT.
        const auto close = text[i] == '[' ? text.find_first_of("[]", i + 1) : std::string_view::npos;
        const bool is_link = close != std::string_view::npos && text.substr(close).starts_with("](");
        const auto end = is_link ? text.find(')', close) : std::string_view::npos;
        if (end == std::string_view::npos) {
            plain += text[i];
            continue;
        }
        plain += without_markup(text.substr(i + 1, close - i - 1));
        i = end;
    }
    return plain;
}

std::string wrapped(std::string_view text, std::string_view first, std::string_view next) {
    std::string lines, line(first);
    bool is_empty = true;  // no word in the line yet
    while (!(text = trimmed(text)).empty()) {
        const auto word = text.substr(0, text.find(' '));
        if (!is_empty && line.size() + 1 + word.size() > terminal_columns) {
            lines += line + "\n";
            line = next;
            is_empty = true;
        }
        if (!is_empty) line += ' ';
        line += word;
        is_empty = false;
        text.remove_prefix(word.size());
    }
    return lines + line + "\n";
}

std::string to_terminal(std::string_view markdown) { return TerminalWriter().write(markdown); }

}  // namespace gatecrash::cli
