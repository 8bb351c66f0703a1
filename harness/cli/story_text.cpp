#include "cli/story_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "cli/markdown.hpp"
#include "cli/reference.hpp"
#include "report/text_report.hpp"

namespace gatecrash::cli {
namespace {

/// Returns what the page of invariants says must hold.
std::string rule_of(sweep::Invariant invariant) {
    constexpr std::string_view begin = "**What must hold:** ", next_item = "\n- **";
    for (const auto& term : find_terms(terms_of(reference_pages()), to_string(invariant))) {
        const auto at = term.text.find(begin);
        if (at == std::string::npos) continue;
        const auto from = at + begin.size();
        auto rule = without_markup(std::string_view(term.text).substr(from, term.text.find(next_item, from) - from));
        std::ranges::replace(rule, '\n', ' ');
        return rule;
    }
    return "";
}

std::string paragraph(std::string_view heading, std::string_view text) {
    return fmt::format("\n{}\n{}", heading, wrapped(text, "  ", "  "));
}

std::string numbered(const std::vector<std::string>& sentences) {
    std::string text;
    for (std::size_t i = 0; i < sentences.size(); ++i)
        text += wrapped(sentences[i], fmt::format("  {:>2}. ", i + 1), "      ");
    return text;
}

}  // namespace

std::string story_text(const suite::Variant* variant, const sweep::Schedule& schedule,
                       const sweep::ReplayResult& replayed, const std::vector<std::string>& sentences,
                       const Words& options) {
    auto text = to_string(schedule) + "\n";
    if (variant != nullptr) text += paragraph("The design", variant->summary);
    text += "\nWhat happens\n" + numbered(sentences);
    if (replayed.violations.empty()) return text + "\nEvery invariant holds.\n";
    const auto is_told = [&](const sweep::Violation& violation) {
        return std::ranges::any_of(sentences,
                                   [&](const auto& each) { return each.find(violation.message) != std::string::npos; });
    };
    std::string untold;
    for (const auto& violation : replayed.violations) {
        if (!is_told(violation)) untold += wrapped(describe(violation), "  ", "  ");
    }
    if (!untold.empty()) text += "\nWhat breaks\n" + untold;
    const auto broken = replayed.violations.front().invariant;
    if (const auto rule = rule_of(broken); !rule.empty())
        text += paragraph(fmt::format("What {} demands", describe(broken)), rule);
    if (variant != nullptr && !variant->expects.holds()) text += paragraph("Why this design breaks", variant->because);
    return text + fmt::format("\nLook closer\n  {} --trace\n  {} --gdb\n", report::replay_command(schedule, options),
                              report::replay_command(schedule, options, "gdb"));
}

}  // namespace gatecrash::cli
