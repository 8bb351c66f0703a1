// Checks our own entry code, and docs/reference/check-rules.md against the table of rules.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
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

TEST(OwnEntries, WithAnInt3AreFound) {
    const auto report = check_guest("int3", "in-entry-text");
    EXPECT_EQ(report.open(), 1U) << to_text(report);
    const auto found = std::ranges::find_if(report.findings, [](const NamedFinding& each) { return !each.suppressed; });
    ASSERT_NE(found, report.findings.end());
    EXPECT_EQ(found->rule->rule, Rule::breakpoint_inside);
    EXPECT_EQ(found->place, "entry_irq");
}

TEST(RulesPage, IsTheTable) {
    std::ifstream page(REFERENCE_PAGES "/check-rules.md");
    std::set<std::string> rows;
    for (std::string line; std::getline(page, line);) {
        if (line.starts_with("| `")) rows.insert(line);
    }
    std::set<std::string> expected;
    for (const auto& rule : rules())
        expected.insert(fmt::format("| `{}` | {} | {} | {} |", rule.name, rule.what, rule.why, rule.source));
    EXPECT_EQ(rows, expected);
}

}  // namespace
}  // namespace gatecrash::check
