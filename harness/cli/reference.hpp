// The reference pages (docs/reference) that this program carries, and the terms that they explain.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gatecrash::cli {

struct ReferencePage {
    std::string name;  ///< from the top of the repository: "docs/reference/invariants.md"
    std::string_view text;
};

/// A term that a page explains. It is one of
///
/// - a heading "TERM: TITLE", where TERM is one word. TITLE is another name of it. The text is the section.
/// - a row of a table outside of such a section, the first cell of which has only terms, each in backticks. The text
///   is a list of the other cells, each labelled with the head of its column.
struct Term {
    std::vector<std::string> names;  ///< without backticks; the first is the one to list
    std::string title;               ///< of a heading; empty for a row
    std::string page;                ///< the name of a ReferencePage
    std::string section;             ///< of a row: the heading above its table
    std::string text;                ///< Markdown

    [[nodiscard]] const std::string& name() const { return names.front(); }
};

/// Returns the pages, in the order in which `gatecrash explain` lists them.
[[nodiscard]] std::vector<ReferencePage> reference_pages();

/// Returns the title of a page, which is its first heading.
[[nodiscard]] std::string title_of(const ReferencePage& page);

/// Returns all terms of a page, in its order.
[[nodiscard]] std::vector<Term> terms_of(const ReferencePage& page);
/// Returns the terms of all pages.
[[nodiscard]] std::vector<Term> terms_of(std::span<const ReferencePage> pages);

/// True if two names mean the same term: "#DB" and "db", "Kernel GS" and "kernel-gs".
[[nodiscard]] bool is_same_term(std::string_view a, std::string_view b);

/// Returns every term that has `name`: pages may explain the same word.
[[nodiscard]] std::vector<Term> find_terms(std::span<const Term> terms, std::string_view name);

/// Returns the names that look most like `name`, the best first, at most `most` of them.
[[nodiscard]] std::vector<std::string> names_like(std::span<const Term> terms, std::string_view name,
                                                  std::size_t most = 6);

}  // namespace gatecrash::cli
