// The rules of the static check.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gatecrash::check {

enum class Rule : std::uint8_t {
    leaves_section,
    indirect_branch,
    instrumentation_hook,
    unbalanced_annotation,
    entry_outside,
    breakpoint_inside,
    patched_site,
    no_instruction,
};

/// One rule, as reports and docs/reference/check-rules.md show it.
struct RuleText {
    Rule rule;
    std::string_view name;    ///< stable: scripts and files of suppressions use it
    std::string_view what;    ///< what a finding of it says
    std::string_view why;     ///< what can go wrong
    std::string_view source;  ///< where the rule comes from
};

[[nodiscard]] std::span<const RuleText> rules();
[[nodiscard]] const RuleText& text_of(Rule rule);
/// Returns the rule with that name, or null.
[[nodiscard]] const RuleText* find_rule(std::string_view name);

}  // namespace gatecrash::check
