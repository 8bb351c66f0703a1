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
    user_gs_access,
    user_gs_call,
    wrong_gs_return,
    user_segment_access,
    user_segment_call,
    user_stack_push,
    user_cr3_access,
    user_cr3_call,
    wrong_cr3_return,
    interrupted_df,
    interrupted_ac,
    interrupted_register,
    joined_states,
    swapgs_with_interrupts,
    swapgs_without_fence,
    missing_verw,
    load_after_verw,
    missing_ibpb,
    missing_spec_ctrl,
};

/// One rule, as reports and docs/reference/check-rules.md show it.
struct RuleText {
    Rule rule;
    std::string_view name;           ///< stable: scripts and files of suppressions use it
    std::string_view what;           ///< what a finding of it says
    std::string_view why;            ///< what can go wrong
    std::string_view source;         ///< where the rule comes from
    bool is_of_instruction = false;  ///< to execute the instruction breaks the rule, in whatever state
};

[[nodiscard]] std::span<const RuleText> rules();
[[nodiscard]] const RuleText& text_of(Rule rule);
/// Returns the rule with that name, or null.
[[nodiscard]] const RuleText* find_rule(std::string_view name);

}  // namespace gatecrash::check
