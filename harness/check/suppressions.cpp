#include "check/suppressions.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace gatecrash::check {
namespace {

constexpr std::string_view blanks = " \t\r";

/// Removes the first word of `line` and the blanks around it, and returns the word.
std::string_view take_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const auto word = line.substr(0, line.find_first_of(blanks));
    line.remove_prefix(word.size());
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    return word;
}

}  // namespace

std::vector<Suppression> read_suppressions(std::string_view text, const std::string& name) {
    std::vector<Suppression> suppressions;
    for (unsigned number = 1; !text.empty(); ++number) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const auto rule = take_word(line);
        if (rule.empty() || rule.front() == '#') continue;
        const auto symbol = take_word(line);
        line = line.substr(0, line.find_last_not_of(blanks) + 1);
        const auto fail = [&, at = number](const std::string& why) {
            throw SuppressionError(fmt::format("{}:{}: {}", name, at, why));
        };
        const auto* known = find_rule(rule);
        if (known == nullptr) fail(fmt::format("no rule is called '{}'", rule));
        if (line.empty()) fail("a reason is missing: write \"RULE SYMBOL REASON\"");
        suppressions.push_back({known->rule, std::string(symbol), std::string(line), number});
    }
    return suppressions;
}

bool is_about(const Suppression& suppression, Rule rule, std::string_view place) {
    if (suppression.rule != rule) return false;
    return suppression.symbol == place || suppression.symbol == place.substr(0, place.rfind("+0x"));
}

}  // namespace gatecrash::check
