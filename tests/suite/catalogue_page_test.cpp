// docs/reference/catalogue.md against the code: its rows, and the variants that each section names.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cases/registry.hpp"
#include "cli/select.hpp"
#include "report/coverage.hpp"
#include "suite/catalogue.hpp"

namespace gatecrash::report {
namespace {

/// One labelled part of a row's section.
struct Part {
    std::string label, text;  ///< "Origin", and the text in one line
};
/// One section, `### ID: title`.
struct Section {
    std::string id, title;
    std::vector<Part> parts;

    [[nodiscard]] std::string text_of(const std::string& label) const {
        const auto part = std::ranges::find(parts, label, &Part::label);
        return part == parts.end() ? "" : part->text;
    }
};

/// Returns the sections of the page, each part with its lines joined by spaces.
std::vector<Section> sections() {
    static const std::regex heading("### ([^:]+): (.+)"), part(R"(- \*\*([^*]+):\*\* (.+))"), continued("  (\\S.*)");
    std::vector<Section> found;
    std::ifstream file(REFERENCE_PAGES "/catalogue.md");
    for (std::string line; std::getline(file, line);) {
        std::smatch match;
        if (std::regex_match(line, match, heading)) {
            found.push_back({match[1], match[2], {}});
        } else if (found.empty()) {
            continue;
        } else if (std::regex_match(line, match, part)) {
            found.back().parts.push_back({match[1], match[2]});
        } else if (std::regex_match(line, match, continued) && !found.back().parts.empty()) {
            found.back().parts.back().text += " " + match[1].str();
        }
    }
    return found;
}

const std::vector<Coverage>& coverage() {
    static const auto all = coverage_of(suite::catalogue(), cli::select(cases::all_cases(), {}));
    return all;
}

/// Returns variants as the page lists them, for example "`sysret/unchecked` (not on amd), `sysret/canonical-check`".
std::string on_page(const std::vector<CoveringVariant>& variants) {
    std::vector<std::string> texts;
    for (const auto& [name, where] : variants) {
        texts.push_back(fmt::format("`{}`{}", name, where.empty() ? "" : fmt::format(" ({})", where)));
    }
    return texts.empty() ? "none" : fmt::format("{}", fmt::join(texts, ", "));
}

/// Returns "I4" for each invariant that a variant which covers `row` is expected to break, on any vendor's CPU.
std::set<std::string> invariants_broken_by(std::string_view row) {
    std::set<std::string> broken;
    for (const auto& selection : cli::select(cases::all_cases(), {})) {
        const auto& variant = *selection.variant;
        if (std::ranges::find(variant.covers, row) == variant.covers.end()) continue;
        if (!variant.expects.holds()) broken.insert(to_string(variant.expects.invariant));
        if (variant.otherwise && !variant.otherwise->expects.holds()) {
            broken.insert(to_string(variant.otherwise->expects.invariant));
        }
    }
    return broken;
}

TEST(CataloguePage, HasEachRowInTheOrderOfTheCode) {
    std::vector<std::string> page, code;
    for (const auto& section : sections()) page.push_back(section.id);
    for (const auto& row : suite::catalogue()) code.emplace_back(row.id);
    EXPECT_EQ(page, code);
}

TEST(CataloguePage, HasEachPartOfARow) {
    for (const auto& section : sections()) {
        const bool open = !section.text_of("Open").empty();
        const std::vector<std::string> expected{"Origin",     "Mode", "Trigger",
                                                "Observable", "Fix",  open ? "Open" : "Shown by"};
        std::vector<std::string> labels;
        for (const auto& part : section.parts) labels.push_back(part.label);
        EXPECT_EQ(labels, expected) << section.id;
    }
}

TEST(CataloguePage, NamesTheVariantsOfEachRow) {
    const auto all = sections();
    for (const auto& row : coverage()) {
        const auto section = std::ranges::find(all, row.row.id, &Section::id);
        ASSERT_NE(section, all.end()) << row.row.id;
        const auto line =
            row.is_open() ? "" : fmt::format("breaks {}; holds {}.", on_page(row.breaks), on_page(row.holds));
        EXPECT_EQ(section->text_of("Shown by"), line)
            << "The registry has other variants for row " << row.row.id
            << ". Write this in " REFERENCE_PAGES
               "/catalogue.md"
               ":\n- **"
            << (row.is_open() ? "Open:** (why no variant covers it)" : "Shown by:** " + line);
    }
}

TEST(CataloguePage, NamesTheInvariantsThatVariantsBreak) {
    for (const auto& section : sections()) {
        for (const auto& invariant : invariants_broken_by(section.id)) {
            EXPECT_NE(section.text_of("Observable").find(invariant + " ("), std::string::npos)
                << section.id << ": a variant breaks " << invariant << ", and Observable does not name it.";
        }
    }
}

}  // namespace
}  // namespace gatecrash::report
