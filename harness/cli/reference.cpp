#include "cli/reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <numeric>
#include <utility>

#include "cli/markdown.hpp"
#include "embedded_file.hpp"

namespace gatecrash::cli {
namespace {

extern "C" const EmbeddedFile gatecrash_reference[], gatecrash_reference_end[];

/// Returns the code spans of a cell that has nothing else but commas and spaces; empty for any other cell.
std::vector<std::string> only_code_spans(std::string_view cell) {
    std::vector<std::string> spans;
    while (!cell.empty()) {
        const auto begin = cell.find('`');
        if (begin == std::string_view::npos || cell.substr(0, begin).find_first_not_of(", ") != std::string_view::npos)
            return {};
        const auto end = cell.find('`', begin + 1);
        if (end == std::string_view::npos) return {};
        spans.emplace_back(cell.substr(begin + 1, end - begin - 1));
        cell.remove_prefix(end + 1);
    }
    return spans;
}

/// Collects the terms of one page, line by line.
class PageReader {
  public:
    explicit PageReader(const ReferencePage& page) : page_(page) {}

    std::vector<Term> read() {
        for (const auto line : lines_of(page_.text)) take(line);
        return std::move(terms_);
    }

  private:
    void take(std::string_view line) {
        if (is_fence(line)) is_code_ = !is_code_;
        const auto level = is_code_ ? 0 : heading_level(line);
        if (level != 0 && level <= section_level_) section_level_ = 0;
        if (section_level_ != 0) {
            terms_.back().text += fmt::format("{}\n", line);
        } else if (level != 0) {
            begin_section(line.substr(level + 1), level);
        } else if (!is_code_) {
            take_row(cells_of(line));
        }
    }

    void begin_section(std::string_view heading, std::size_t level) {
        const auto colon = heading.find(": ");
        if (colon == std::string_view::npos || heading.substr(0, colon).find(' ') != std::string_view::npos) {
            heading_ = heading;
            return;
        }
        auto name = std::string(heading.substr(0, colon)), title = std::string(heading.substr(colon + 2));
        std::erase(name, '`');
        std::erase(title, '`');
        terms_.push_back({.names = {name, title}, .title = title, .page = page_.name, .section = {}, .text = {}});
        section_level_ = level;
    }

    void take_row(std::vector<std::string> cells) {
        if (cells.empty()) return head_.clear();
        if (head_.empty()) {
            head_ = std::move(cells);
            return;
        }
        const auto names = only_code_spans(cells.front());
        if (is_rule(cells) || names.empty()) return;
        Term term{.names = names, .title = {}, .page = page_.name, .section = heading_, .text = {}};
        for (std::size_t i = 1; i < std::min(cells.size(), head_.size()); ++i) {
            if (!cells[i].empty()) term.text += fmt::format("- {}: {}\n", head_[i], cells[i]);
        }
        terms_.push_back(std::move(term));
    }

    const ReferencePage& page_;
    std::vector<Term> terms_;
    bool is_code_ = false;
    std::size_t section_level_ = 0;  ///< of the section that is the last term; 0: no section
    std::string heading_;            ///< the last one that is no term
    std::vector<std::string> head_;  ///< of the table that is being read; empty: none
};

/// Returns the form in which names are compared.
std::string folded(std::string_view name) {
    std::string text;
    for (const char c : name) {
        if (c == '`' || (c == '#' && text.empty())) continue;
        text += c == '-' || c == '_' ? ' ' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return text;
}

/// Returns how many characters must be inserted, removed or replaced to turn `a` into `b` (Levenshtein).
std::size_t edits_between(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
        }
    }
    return row.back();
}

/// Names that differ more than this are not suggested for each other.
constexpr std::size_t most_unlike = 2;
/// Returns how much two folded names differ: 0 if they are the same, more than `most_unlike` if one is hardly a
/// misspelling of the other.
std::size_t unlikeness(std::string_view name, std::string_view known) {
    constexpr std::size_t shortest_part = 3;
    const auto edits = edits_between(name, known);
    if (edits < std::min(most_unlike + 1, std::max(name.size(), known.size()))) return edits;
    const bool is_part = name.size() >= shortest_part && known.find(name) != std::string_view::npos;
    return is_part ? most_unlike : most_unlike + 1;
}

}  // namespace

std::vector<ReferencePage> reference_pages() {
    std::vector<ReferencePage> pages;
    for (const auto* file = gatecrash_reference; file != gatecrash_reference_end; ++file) {
        pages.push_back({file->name, file->text()});
    }
    return pages;
}

std::string title_of(const ReferencePage& page) {
    const auto lines = lines_of(page.text);
    const auto heading = std::ranges::find_if(lines, [](auto line) { return heading_level(line) == 1; });
    return heading == lines.end() ? page.name : std::string(heading->substr(2));
}

std::vector<Term> terms_of(const ReferencePage& page) { return PageReader(page).read(); }

std::vector<Term> terms_of(std::span<const ReferencePage> pages) {
    std::vector<Term> terms;
    for (const auto& page : pages) std::ranges::move(terms_of(page), std::back_inserter(terms));
    return terms;
}

bool is_same_term(std::string_view a, std::string_view b) { return folded(a) == folded(b); }

std::vector<Term> find_terms(std::span<const Term> terms, std::string_view name) {
    std::vector<Term> found;
    std::ranges::copy_if(terms, std::back_inserter(found), [&](const Term& term) {
        return std::ranges::any_of(term.names, [&](const auto& known) { return is_same_term(known, name); });
    });
    return found;
}

std::vector<std::string> names_like(std::span<const Term> terms, std::string_view name, std::size_t most) {
    std::vector<std::pair<std::size_t, std::string>> candidates;
    const auto wanted = folded(name);
    for (const auto& term : terms) {
        auto best = most_unlike + 1;
        for (const auto& known : term.names) best = std::min(best, unlikeness(wanted, folded(known)));
        const std::pair candidate{best, term.name()};
        if (best <= most_unlike && std::ranges::find(candidates, candidate) == candidates.end()) {
            candidates.push_back(candidate);
        }
    }
    std::ranges::stable_sort(candidates, {}, [](const auto& candidate) { return candidate.first; });
    candidates.resize(std::min(candidates.size(), most));
    std::vector<std::string> names;
    names.reserve(candidates.size());
    for (auto& [distance, text] : candidates) names.push_back(std::move(text));
    return names;
}

}  // namespace gatecrash::cli
