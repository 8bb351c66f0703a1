#include "check/rule.hpp"

#include <algorithm>

namespace gatecrash::check {
namespace {

constexpr RuleText rule_texts[] = {
    {Rule::leaves_section, "leaves-section",
     "a call or a jump leaves the checked sections where no annotation allows it",
     "code outside may be traced, probed or instrumented, and a breakpoint or a fault there arrives before the entry "
     "has established the kernel's state",
     "Linux, Documentation/core-api/entry.rst, \"Non-instrumentable code\"; include/linux/instrumentation.h", true},
    {Rule::indirect_branch, "indirect-branch", "a call or a jump goes to an address that only the running code knows",
     "no tool can see that its target is in the checked sections, and user code can train the prediction of the "
     "branch",
     "Linux, tools/objtool/check.c, validate_call(); Documentation/admin-guide/hw-vuln/spectre.rst", true},
    {Rule::instrumentation_hook, "instrumentation-hook",
     "a call goes to a hook that a compiler or a macro inserts: tracing, a sanitizer, coverage or the stack protector",
     "the hook runs before the entry has established the kernel's GS base, stack and context, and may fault or recurse",
     "Linux, include/linux/compiler_types.h, noinstr", true},
    {Rule::unbalanced_annotation, "unbalanced-annotation",
     "a path ends inside an annotated region, or ends a region that it has not begun",
     "code after the end of the path counts as annotated although nothing allows it, or the reverse",
     "Linux, tools/objtool/check.c, validate_return()"},
    {Rule::entry_outside, "entry-outside", "an entry point is not in the checked sections",
     "the CPU enters code that may be traced, probed or instrumented, and that no other rule checks",
     "Linux, arch/x86/kernel/vmlinux.lds.S, ENTRY_TEXT"},
    {Rule::breakpoint_inside, "breakpoint-inside", "an INT3 is on a path",
     "the #BP arrives with the state of that place, and on an IST stack it can overwrite a frame in use",
     "row H5 of the catalogue", true},
    {Rule::patched_site, "patched-site", "a table of the file names a site here that is patched while the kernel runs",
     "patching writes an INT3 to the site first, so a #BP can arrive there",
     "Linux, arch/x86/kernel/alternative.c, text_poke_bp_batch()"},
    {Rule::no_instruction, "no-instruction", "a path reaches bytes that are no instruction, or the end of its section",
     "the CPU would execute what stands there, or fault", "SDM volume 3, 6.15, \"Interrupt 6\""},
    {Rule::user_gs_access, "user-gs-access", "per-CPU data is accessed with the user's GS base",
     "the access reads or writes memory that the user chose", "rows F1 and G1 of the catalogue"},
    {Rule::user_gs_call, "user-gs-call", "a function outside is called with the user's GS base",
     "the function finds its per-CPU data where the user wants. The rule applies to code that changes the GS base",
     "row F1 of the catalogue"},
    {Rule::wrong_gs_return, "wrong-gs-return",
     "a return to CPL 3 with the kernel's GS base, or one to the interrupted kernel code with another GS base",
     "user code gets the kernel's GS base, or kernel code goes on with the user's", "rows F1 and F4 of the catalogue"},
    {Rule::user_segment_access, "user-segment-access",
     "32-bit code accesses memory through a segment whose selector is the user's",
     "the user chose where the segment begins and ends, or it is the null segment and the access faults",
     "row E9 of the catalogue; SDM volume 3, 5.4.1"},
    {Rule::user_segment_call, "user-segment-call", "32-bit code calls a function outside with the user's DS or ES",
     "compiled code expects segments that begin at 0 and have no limit", "System V ABI, i386 supplement, 2.1"},
    {Rule::user_stack_push, "user-stack-push", "a push or a call while RSP is still the user's",
     "the kernel writes to an address that the user chose", "row C15 of the catalogue"},
    {Rule::user_cr3_access, "user-cr3-access",
     "memory outside of the entry area is accessed with the user's page tables. The rule applies to guests whose "
     "program headers name that area",
     "the user's page tables do not map the memory", "rows F6 and B8 of the catalogue"},
    {Rule::user_cr3_call, "user-cr3-call", "a function outside is called with the user's page tables",
     "the user's page tables do not map the function", "row F6 of the catalogue"},
    {Rule::wrong_cr3_return, "wrong-cr3-return",
     "a return to CPL 3 with the kernel's page tables, or one to the interrupted kernel code with other page tables",
     "user code runs with the kernel mapped, or kernel code goes on without its own pages",
     "rows F6 and F7 of the catalogue"},
    {Rule::interrupted_df, "interrupted-df", "a function outside is called while DF has the interrupted value",
     "compiled code expects DF clear, and string instructions would run backwards",
     "System V ABI, x86-64 supplement, 3.2.1; row J9 of the catalogue"},
    {Rule::interrupted_ac, "interrupted-ac", "a function outside is called while AC has the interrupted value",
     "AC switches SMAP off. The rule applies to code that has CLAC or STAC",
     "SDM volume 3, 4.6.1; row C14 of the catalogue"},
    {Rule::interrupted_register, "interrupted-register",
     "a branch depends on a register that functions preserve, such as RBX, and nothing has written it since the entry",
     "the interrupted code decides where the entry goes", "row F4 of the catalogue"},
    {Rule::joined_states, "joined-states",
     "paths meet with the user's and with the kernel's GS base, CR3 or segments, and one of them then breaks a rule "
     "about it",
     "nothing tells the code from there on which path it is on", "rows F1 and F6 of the catalogue"},
    {Rule::swapgs_with_interrupts, "swapgs-with-interrupts", "SWAPGS after STI, with no CLI between them",
     "an interrupt after the SWAPGS comes from CPL 0, and its handler keeps the user's GS base",
     "SDM volume 3, 5.8.8; row F1 of the catalogue"},
    {Rule::swapgs_without_fence, "swapgs-without-fence",
     "after a conditional SWAPGS, per-CPU data is accessed or a function is called before LFENCE or a serializing "
     "instruction. Only with `--require swapgs-fence`",
     "the CPU may skip the SWAPGS, or execute it, speculatively",
     "CVE-2019-1125; Linux, Documentation/admin-guide/hw-vuln/spectre.rst; row F10 of the catalogue"},
    {Rule::missing_verw, "missing-verw",
     "a return to CPL 3 without VERW since the last call. Only with `--require verw`",
     "buffers of the CPU keep data of the kernel, which user code can sample",
     "Linux, Documentation/arch/x86/mds.rst; row F11 of the catalogue"},
    {Rule::load_after_verw, "load-after-verw",
     "a load that is not from the stack, after VERW on the way to CPL 3. Only with `--require verw`",
     "the load puts data of the kernel into the buffers again",
     "Linux, Documentation/arch/x86/mds.rst; row F11 of the catalogue"},
    {Rule::missing_ibpb, "missing-ibpb",
     "a return to CPL 3 without IBPB, which is bit 0 of the MSR PRED_CMD, since the last call. Only with `--require "
     "ibpb`",
     "branch predictions that the kernel, or another program, left there act on user code",
     "SDM volume 4, IA32_PRED_CMD; Linux, Documentation/admin-guide/hw-vuln/spectre.rst"},
    {Rule::missing_spec_ctrl, "missing-spec-ctrl",
     "a return to CPL 3 without a write of the MSR SPEC_CTRL since the last call. Only with `--require spec-ctrl`",
     "user code runs with the restrictions of the kernel, which are slow, or without its own",
     "SDM volume 4, IA32_SPEC_CTRL; Linux, Documentation/admin-guide/hw-vuln/spectre.rst"},
};

}  // namespace

std::span<const RuleText> rules() { return rule_texts; }

const RuleText& text_of(Rule rule) { return *std::ranges::find(rule_texts, rule, &RuleText::rule); }

const RuleText* find_rule(std::string_view name) {
    const auto* found = std::ranges::find(rule_texts, name, &RuleText::name);
    return found == std::end(rule_texts) ? nullptr : found;
}

}  // namespace gatecrash::check
