#include "check/entry_points.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

namespace gatecrash::check {
namespace {

struct KindWord {
    std::string_view word;
    EntryKind kind;
};
constexpr KindWord kind_words[] = {
    {"syscall", EntryKind::syscall},   {"sysenter", EntryKind::sysenter}, {"idt", EntryKind::idt},
    {"idt-code", EntryKind::idt_code}, {"idt-call", EntryKind::idt_call}, {"ist", EntryKind::ist},
    {"ist-code", EntryKind::ist_code}, {"nmi", EntryKind::nmi},           {"unknown", EntryKind::unknown},
};

/// The names of entry points. The first pattern that matches decides. Linux: arch/x86/include/asm/idtentry.h and
/// arch/x86/entry; ours: docs/reference/sdk.md. On Linux, #DB and #MC have IST stacks, and #BP has none. The stubs of
/// external interrupts push the vector in place of an error code.
struct KnownEntry {
    const char* pattern;
    EntryKind kind;
};
constexpr KnownEntry known[] = {
    {"entry_SYSCALL_64", EntryKind::syscall},
    {"entry_SYSCALL_compat", EntryKind::syscall},
    {"entry_SYSENTER_compat", EntryKind::sysenter},
    {"entry_SYSENTER_32", EntryKind::sysenter},
    {"asm_exc_nmi", EntryKind::nmi},
    {"asm_exc_debug", EntryKind::ist},
    {"asm_exc_machine_check", EntryKind::ist},
    {"asm_exc_double_fault", EntryKind::ist_code},
    {"asm_exc_invalid_tss", EntryKind::idt_code},
    {"asm_exc_segment_not_present", EntryKind::idt_code},
    {"asm_exc_stack_segment", EntryKind::idt_code},
    {"asm_exc_general_protection", EntryKind::idt_code},
    {"asm_exc_page_fault", EntryKind::idt_code},
    {"asm_exc_alignment_check", EntryKind::idt_code},
    {"asm_exc_divide_error", EntryKind::idt},
    {"asm_exc_overflow", EntryKind::idt},
    {"asm_exc_bounds", EntryKind::idt},
    {"asm_exc_invalid_op", EntryKind::idt},
    {"asm_exc_device_not_available", EntryKind::idt},
    {"asm_exc_coproc_segment_overrun", EntryKind::idt},
    {"asm_exc_spurious_interrupt_bug", EntryKind::idt},
    {"asm_exc_coprocessor_error", EntryKind::idt},
    {"asm_exc_simd_coprocessor_error", EntryKind::idt},
    {"asm_exc_int3", EntryKind::idt},
    {"asm_sysvec_*", EntryKind::idt},
    {"asm_common_interrupt", EntryKind::idt_code},
    {"asm_spurious_interrupt", EntryKind::idt_code},
    {"entry_INT80_compat", EntryKind::idt_call},
    {"entry_INT80_32", EntryKind::idt_call},
    {"asm_int80_emulation", EntryKind::idt_call},
    {"entry_syscall", EntryKind::syscall},
    {"entry_sysenter", EntryKind::sysenter},
    {"entry_nmi", EntryKind::nmi},
    {"entry_db", EntryKind::ist},
    {"entry_mc", EntryKind::ist},
    {"entry_df", EntryKind::ist_code},
    {"entry_ts", EntryKind::idt_code},
    {"entry_np", EntryKind::idt_code},
    {"entry_ss", EntryKind::idt_code},
    {"entry_gp", EntryKind::idt_code},
    {"entry_pf", EntryKind::idt_code},
    {"entry_ac", EntryKind::idt_code},
    {"entry_cp", EntryKind::idt_code},
    {"entry_vc", EntryKind::unknown},
    {"entry_sx", EntryKind::idt_code},
    {"entry_irq", EntryKind::idt_code},
    {"entry_irq_stubs", EntryKind::idt},
    {"entry_[a-z][a-z]", EntryKind::idt},
    {"entry_9", EntryKind::idt},
    {"entry_[123][0-9]", EntryKind::idt},
};

const KnownEntry* find_known(std::string_view name) {
    const std::string text(name);
    const auto* found = std::ranges::find_if(
        known, [&](const KnownEntry& each) { return fnmatch(each.pattern, text.c_str(), 0) == 0; });
    return found == std::end(known) ? nullptr : found;
}

}  // namespace

std::optional<EntryKind> entry_kind(std::string_view word) {
    const auto* found = std::ranges::find(kind_words, word, &KindWord::word);
    return found == std::end(kind_words) ? std::nullopt : std::optional(found->kind);
}

std::string entry_kind_words() {
    std::string words;
    for (const auto& each : kind_words) words += fmt::format("{}{}", words.empty() ? "" : ", ", each.word);
    return words;
}

std::vector<EntryPoint> known_entries(const CodeFile& file) {
    std::vector<EntryPoint> found;
    for (const auto& symbol : file.symbols) {
        if (!symbol.name.starts_with("entry_") && !symbol.name.starts_with("asm_")) continue;
        const auto* entry = find_known(symbol.name);
        if (entry != nullptr && file.range_of(symbol.address) != nullptr)
            found.push_back({symbol.name, entry->kind, symbol.address});
    }
    return found;
}

EntryKind usual_kind(std::string_view name) {
    const auto* entry = find_known(name);
    return entry == nullptr ? EntryKind::unknown : entry->kind;
}

}  // namespace gatecrash::check
