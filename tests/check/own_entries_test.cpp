// Checks our own entry code, and docs/reference/check-rules.md against the table of rules.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "cases/registry.hpp"
#include "check/checked_code.hpp"

namespace gatecrash::check {
namespace {

Report check_guest(const std::string& case_name, const std::string& variant) {
    const auto name = case_name + "/" + variant;
    const auto file = read_code_file(cases::guest_of(case_name, variant), name);
    return make_report(file, "/dev/null", check_file(file, {}),
                       read_suppressions(posix::read_file(OWN_SUPPRESSIONS), OWN_SUPPRESSIONS));
}

std::vector<std::string> lines_of_page() {
    std::ifstream page(REFERENCE_PAGES "/check-rules.md");
    std::vector<std::string> lines;
    for (std::string line; std::getline(page, line);) lines.push_back(line);
    return lines;
}

TEST(OwnEntries, OfTheReferenceKeepTheRules) {
    std::size_t count = 0;
    for (const auto* each : cases::all_cases()) {
        for (const auto& variant : each->variants) {
            if (variant.name != "reference") continue;
            const auto report = check_guest(each->name, variant.name);
            EXPECT_EQ(report.open(), 0U) << to_text(report);
            EXPECT_GT(report.instructions, 500U) << each->name;
            ++count;
        }
    }
    EXPECT_GT(count, 5U);
}

TEST(OwnEntries, OfTheRuntimeKeepTheRules) {
    const auto report = check_guest("nested-ticks", "deferred");
    EXPECT_EQ(report.open(), 0U) << to_text(report);
    EXPECT_GT(report.instructions, 500U);
}

/// Returns the rules that a guest breaks, without those about where code is placed, which many workloads ignore.
std::set<std::string> broken_rules(const Report& report) {
    std::set<std::string> rules;
    for (const auto& finding : report.findings) {
        const bool is_of_place =
            finding.rule->rule == Rule::entry_outside || finding.rule->rule == Rule::leaves_section;
        if (!finding.suppressed && !is_of_place) rules.emplace(finding.rule->name);
    }
    return rules;
}

/// Collects what `check` finds of a row of the catalogue, in the guests of its variants.
struct Seen {
    std::set<std::string> variants, rules;
};
std::map<std::string, Seen> seen_rows() {
    std::map<std::string, Seen> rows;
    for (const auto* each : cases::all_cases()) {
        for (const auto& variant : each->variants) {
            if (variant.expects.holds()) continue;
            const auto rules = broken_rules(check_guest(each->name, variant.name));
            if (rules.empty()) continue;
            for (const auto& row : variant.covers) {
                rows[row].variants.insert(fmt::format("`{}/{}`", each->name, variant.name));
                for (const auto& rule : rules) rows[row].rules.insert(fmt::format("`{}`", rule));
            }
        }
    }
    return rows;
}

TEST(OwnEntries, ThatHoldBreakNoRule) {
    std::size_t count = 0;
    for (const auto* each : cases::all_cases()) {
        for (const auto& variant : each->variants) {
            if (!variant.expects.holds()) continue;
            const auto report = check_guest(each->name, variant.name);
            EXPECT_TRUE(broken_rules(report).empty()) << to_text(report);
            ++count;
        }
    }
    EXPECT_GT(count, 70U);
}

TEST(RulesPage, HasTheRowsThatAreSeen) {
    std::set<std::string> rows, expected;
    for (const auto& line : lines_of_page()) {
        if (std::regex_search(line, std::regex("^\\| [A-Z]+-?[0-9]+ \\|"))) rows.insert(line);
    }
    for (const auto& [row, seen] : seen_rows()) {
        expected.insert(
            fmt::format("| {} | {} | {} |", row, fmt::join(seen.variants, ", "), fmt::join(seen.rules, ", ")));
    }
    EXPECT_EQ(rows, expected) << fmt::format("{}", fmt::join(expected, "\n"));
    EXPECT_GT(expected.size(), 5U);
}

TEST(RulesPage, IsTheTable) {
    std::set<std::string> rows, expected;
    for (const auto& line : lines_of_page()) {
        if (line.starts_with("## ")) break;
        if (line.starts_with("| `")) rows.insert(line);
    }
    for (const auto& rule : rules())
        expected.insert(fmt::format("| `{}` | {} | {} | {} |", rule.name, rule.what, rule.why, rule.source));
    EXPECT_EQ(rows, expected);
}

}  // namespace
}  // namespace gatecrash::check
