#include "check/rule.hpp"

#include <algorithm>

namespace gatecrash::check {
namespace {

constexpr RuleText rule_texts[] = {
    {Rule::leaves_section, "leaves-section",
     "a call or a jump leaves the checked sections where no annotation allows it",
     "code outside may be traced, probed or instrumented, and a breakpoint or a fault there arrives before the entry "
     "has established the kernel's state",
     "Linux, Documentation/core-api/entry.rst, \"Non-instrumentable code\"; include/linux/instrumentation.h"},
    {Rule::indirect_branch, "indirect-branch", "a call or a jump goes to an address that only the running code knows",
     "no tool can see that its target is in the checked sections, and user code can train the prediction of the "
     "branch",
     "Linux, tools/objtool/check.c, validate_call(); Documentation/admin-guide/hw-vuln/spectre.rst"},
    {Rule::instrumentation_hook, "instrumentation-hook",
     "a call goes to a hook that a compiler or a macro inserts: tracing, a sanitizer, coverage or the stack protector",
     "the hook runs before the entry has established the kernel's GS base, stack and context, and may fault or recurse",
     "Linux, include/linux/compiler_types.h, noinstr"},
    {Rule::unbalanced_annotation, "unbalanced-annotation",
     "a path ends inside an annotated region, or ends a region that it has not begun",
     "code after the end of the path counts as annotated although nothing allows it, or the reverse",
     "Linux, tools/objtool/check.c, validate_return()"},
    {Rule::entry_outside, "entry-outside", "an entry point is not in the checked sections",
     "the CPU enters code that may be traced, probed or instrumented, and that no other rule checks",
     "Linux, arch/x86/kernel/vmlinux.lds.S, ENTRY_TEXT"},
    {Rule::breakpoint_inside, "breakpoint-inside", "an INT3 is on a path",
     "the #BP arrives with the state of that place, and on an IST stack it can overwrite a frame in use",
     "row H1 of the catalogue"},
    {Rule::patched_site, "patched-site", "a table of the file names a site here that is patched while the kernel runs",
     "patching writes an INT3 to the site first, so a #BP can arrive there",
     "Linux, arch/x86/kernel/alternative.c, text_poke_bp_batch()"},
    {Rule::no_instruction, "no-instruction", "a path reaches bytes that are no instruction, or the end of its section",
     "the CPU would execute what stands there, or fault", "SDM volume 3, 6.15, \"Interrupt 6\""},
};

}  // namespace

std::span<const RuleText> rules() { return rule_texts; }

const RuleText& text_of(Rule rule) { return *std::ranges::find(rule_texts, rule, &RuleText::rule); }

const RuleText* find_rule(std::string_view name) {
    const auto* found = std::ranges::find(rule_texts, name, &RuleText::name);
    return found == std::end(rule_texts) ? nullptr : found;
}

}  // namespace gatecrash::check
