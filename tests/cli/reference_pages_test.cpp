// The reference pages have what the code has, and nothing else.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "cases/registry.hpp"
#include "cli/markdown.hpp"
#include "cli/reference.hpp"
#include "report/exit_code.hpp"
#include "suite/catalogue.hpp"
#include "suite/result.hpp"
#include "sweep/check/invariant.hpp"
#include "sweep/schedule.hpp"
#include "vm/behaviour.hpp"
#include "vm/landing/event_kind.hpp"

namespace gatecrash::cli {
namespace {

using testing::Contains;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using Names = std::vector<std::string>;

std::vector<Term> terms_on(const std::string& page) {
    auto terms = terms_of(reference_pages());
    std::erase_if(terms, [&](const Term& term) { return term.page != "docs/reference/" + page; });
    return terms;
}

Names names_on(const std::string& page) {
    Names names;
    std::ranges::transform(terms_on(page), std::back_inserter(names), &Term::name);
    return names;
}

/// The labels "- **LABEL:**" of a section, in their order.
Names labels_of(const Term& term) {
    Names labels;
    for (const auto line : lines_of(term.text)) {
        if (!line.starts_with("- **")) continue;
        labels.emplace_back(line.substr(4, line.find(":**") - 4));
    }
    return labels;
}

/// `text` with one space for each run of spaces and newlines.
std::string in_one_line(const std::string& text) {
    std::istringstream words(text);
    std::string line;
    for (std::string word; words >> word;) line += (line.empty() ? "" : " ") + word;
    return line;
}

using BreakingVariants = std::map<std::string, Names>;  // by case

/// The variants that are expected to break `invariant`, with the vendors on which they do or do not, as the page writes
/// them.
BreakingVariants variants_that_break(sweep::Invariant invariant) {
    const auto breaks = [&](const suite::Expectation& expects) {
        return !expects.holds() && expects.invariant == invariant;
    };
    BreakingVariants breaking;
    for (const auto* of : cases::all_cases()) {
        for (const auto& variant : of->variants) {
            const bool usually = breaks(variant.expects);
            const bool otherwise = variant.otherwise ? breaks(variant.otherwise->expects) : usually;
            if (!usually && !otherwise) continue;
            const auto vendor = variant.otherwise ? vm::to_string(variant.otherwise->vendor) : "";
            breaking[of->name].push_back(
                fmt::format("`{}`{}", variant.name,
                            usually == otherwise ? "" : fmt::format(" ({} {})", usually ? "not on" : "on", vendor)));
        }
    }
    return breaking;
}

TEST(InvariantsPage, HasASectionForEachInvariantWithItsName) {
    Names expected;
    for (const auto invariant : sweep::invariants()) expected.push_back(to_string(invariant));
    EXPECT_EQ(names_on("invariants.md"), expected);
    for (const auto& term : terms_on("invariants.md")) {
        const auto invariant = sweep::parse_invariant(term.name());
        ASSERT_TRUE(invariant) << term.name();
        EXPECT_EQ(term.title, name_of(*invariant));
        EXPECT_THAT(labels_of(term), ElementsAreArray({"What must hold", "When it is checked", "How it can break",
                                                       "Cases that show it", "What it cannot see"}))
            << term.name();
    }
}

TEST(InvariantsPage, ListsTheVariantsThatBreakEach) {
    for (const auto& term : terms_on("invariants.md")) {
        std::string expected = "- **Cases that show it:**";
        const auto breaking = variants_that_break(*sweep::parse_invariant(term.name()));
        if (breaking.empty()) expected += " none";
        for (const auto& [name, variants] : breaking) {
            expected += fmt::format(" - `{}`: {}", name, fmt::join(variants, ", "));
        }
        EXPECT_THAT(in_one_line(term.text), HasSubstr(expected + " - **What it cannot see:**")) << term.name();
    }
}

TEST(EventsPage, HasASectionForEachKindWithItsForms) {
    Names expected;
    for (const auto* row : vm::event_kinds()) expected.emplace_back(row->name);
    EXPECT_EQ(names_on("events.md"), expected);
    std::string forms;
    for (const auto& term : terms_on("events.md")) {
        EXPECT_THAT(labels_of(term),
                    ElementsAreArray({"Syntax", "What hardware does", "How gatecrash lands it", "Where it cannot land",
                                      "What it models", "What it does not model"}))
            << term.name();
        forms += term.text;
    }
    for (const auto& form : sweep::event_forms()) EXPECT_THAT(forms, HasSubstr("`" + form + "`"));
}

TEST(BehavioursPage, HasARowForEachBehaviour) {
    Names expected;
    for (const auto& row : vm::behaviours) expected.emplace_back(row.name);
    EXPECT_THAT(names_on("behaviours.md"), testing::UnorderedElementsAreArray(expected));
}

TEST(CataloguePage, HasASectionForEachRow) {
    const auto names = names_on("catalogue.md");
    Names expected;
    for (const auto& row : suite::catalogue()) expected.emplace_back(row.id);
    EXPECT_THAT(names, testing::UnorderedElementsAreArray(expected));
}

TEST(ExitCodesPage, HasEachCodeVerdictAndStatus) {
    using report::ExitCode;
    using suite::Status;
    using suite::Verdict;
    Names expected;
    for (const auto code : {ExitCode::as_expected, ExitCode::unexpected, ExitCode::wrong_usage, ExitCode::error,
                            ExitCode::nothing_ran, ExitCode::partial}) {
        expected.push_back(std::to_string(static_cast<int>(code)));
    }
    expected.emplace_back("128 + N");
    for (const auto verdict : {Verdict::holds, Verdict::breaks, Verdict::skip, Verdict::error}) {
        expected.push_back(to_string(verdict));
    }
    for (const auto status : {Status::ok, Status::unexpected, Status::finding, Status::skip, Status::error}) {
        expected.push_back(to_string(status));
    }
    EXPECT_EQ(names_on("exit-codes.md"), expected);
}

/// Different pages may explain the same word. Of exit-codes.md, `skip` and `error` are both a verdict and a status.
TEST(ReferencePages, ExplainATermOnceAPage) {
    for (const auto& page : reference_pages()) {
        const auto terms = terms_of(page);
        EXPECT_FALSE(terms.empty()) << page.name;
        if (page.name.ends_with("exit-codes.md")) continue;
        for (const auto& term : terms) {
            for (const auto& name : term.names)
                EXPECT_EQ(find_terms(terms, name).size(), 1U) << page.name << ' ' << name;
        }
    }
}

TEST(ReferencePages, FitATerminal) {
    for (const auto& term : terms_of(reference_pages())) {
        EXPECT_FALSE(term.text.empty()) << term.name();
        const auto text = to_terminal(term.text);
        for (const auto line : lines_of(text)) {
            const bool is_code = line.starts_with("    ");
            if (!is_code && line.find(' ', line.find_first_not_of(" -")) != std::string_view::npos) {
                EXPECT_LE(line.size(), terminal_columns) << term.name() << ": " << line;
            }
        }
    }
}

/// The lines of the code blocks of `language` on docs/reference/schedules.md.
Names examples_of(const std::string& language) {
    std::ifstream file(REFERENCE_PAGES "/schedules.md");
    Names lines;
    bool is_in = false;
    for (std::string line; std::getline(file, line);) {
        if (is_fence(line)) {
            is_in = line == "```" + language;
        } else if (is_in) {
            lines.push_back(line);
        }
    }
    return lines;
}

TEST(SchedulesPage, HasExamplesThatAreRead) {
    const auto any_address = [](const std::string&, const std::string&) -> std::uint64_t { return 0; };
    for (const auto* language : {"schedules", "events", "windows", "refused"}) {
        EXPECT_THAT(examples_of(language), testing::Not(IsEmpty())) << language;
    }
    for (const auto& line : examples_of("schedules")) {
        EXPECT_EQ(to_string(sweep::parse_schedule(line, any_address)), line);
    }
    for (const auto& line : examples_of("events")) EXPECT_NO_THROW((void)sweep::parse_events(line, {}, any_address));
    for (const auto& line : examples_of("windows")) EXPECT_NO_THROW((void)sweep::parse_ranges(line)) << line;
    for (const auto& line : examples_of("refused")) {
        EXPECT_THROW((void)sweep::parse_schedule(line, any_address), sweep::ScheduleError) << line;
    }
}

}  // namespace
}  // namespace gatecrash::cli
