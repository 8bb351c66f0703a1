#include "sweep/check/step_checks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sweep/check/end_check.hpp"
#include "sweep/check/frame_tracker.hpp"
#include "sweep/window.hpp"
#include "vm/disassembly.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Guest;
using vm::Virtual;

/// Names an instruction by its mnemonic and place, such as "the IRETQ at nmi_iret".
std::string describe_instruction(const Guest& guest, Virtual rip) {
    using vm::CodeSize;
    auto text =
        vm::disassemble(guest.text_at(rip), rip, guest.image().is_64_bit() ? CodeSize::bits64 : CodeSize::bits32);
    text.resize(std::min(text.size(), text.find(' ')));
    std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
    return fmt::format("the {} at {}", text, guest.image().symbols.name_of(rip));
}

/// Names the stack that contains the address, such as "stack task", or else the nearest symbol.
std::string name_of_place(const vm::Image& image, std::uint64_t address) {
    const auto stack = std::ranges::find_if(
        image.stacks, [&](const auto& s) { return address >= s.low - GATECRASH_CANARY_SIZE && address <= s.high; });
    return stack == image.stacks.end() ? image.symbols.name_of(Virtual{address})
                                       : "stack " + image.stack_of(stack->low);
}

/// Returns the address of the last instruction of the next step: one that opens a shadow and the next are one step.
Virtual last_of_step(Guest& guest) {
    const auto instruction = guest.next_instruction();
    const auto length = instruction && opens_shadow(*instruction) ? instruction->length : 0;
    return Virtual{number(guest.rip()) + length};
}

}  // namespace

void ReturnCheck::before(Guest& guest) {
    was_user_ = guest.cpl() == 3;
    rip_ = was_user_ ? guest.rip() : last_of_step(guest);
    if (was_user_) left_ = kept_state(guest);
}

std::optional<ReturnCheck::Difference> ReturnCheck::after(Guest& guest, const vm::Step& step,
                                                          const KeptState* interrupted) {
    returned_to_user_ = !was_user_ && !step.delivered && guest.cpl() == 3;
    if (step.delivered || (!returned_to_user_ && interrupted == nullptr)) return std::nullopt;
    const auto instruction = describe_instruction(guest, rip_);
    if (returned_to_user_) last_return_ = instruction;
    if (returned_to_user_ && !left_) return std::nullopt;
    const auto& then = returned_to_user_ ? *left_ : *interrupted;
    const auto now = kept_state(guest);
    for (std::size_t i = 0; i < (returned_to_user_ ? now.size() : fields_kept_for_kernel); ++i) {
        const auto has_this = [&](const KeptState& state) { return state[i] == now[i]; };
        if (has_this(then) || (returned_to_user_ && known_ && std::ranges::any_of(*known_, has_this))) continue;
        const auto& field = kept_fields.at(i);
        const bool is_kernels =
            field.is_kernels != nullptr && field.is_kernels(guest, now[i]) && !field.is_kernels(guest, then[i]);
        return Difference{
            {field.invariant, fmt::format("{} returns to {} with {}", instruction,
                                          returned_to_user_ ? "user code" : guest.image().symbols.name_of(guest.rip()),
                                          describe_difference(i, now[i], then[i]))},
            !returned_to_user_ || known_ || is_kernels};
    }
    return std::nullopt;
}

void PageTableCheck::before(Guest& guest) {
    rip_ = guest.rip();
    cr3_ = guest.cpu().sregs().cr3;
}

std::optional<Violation> PageTableCheck::after(Guest& guest, const vm::Step& step) {
    const auto& sregs = guest.cpu().sregs();
    if (sregs.cr3 != cr3_) loaded_by_ = describe_instruction(guest, rip_);
    const vm::Physical root{sregs.cr3 & vm::cr3_address};
    const bool faulted = step.delivered == GATECRASH_VECTOR_PF || step.delivered == GATECRASH_VECTOR_DF;
    if (!faulted || root != guest.memory().user_page_table_root()) return std::nullopt;
    const auto& image = guest.image();
    const auto* segment = image.segment_at(Virtual{sregs.cr2});
    const auto frame = pushed_frame(guest, *step.delivered);
    if (segment == nullptr || segment->entry_area || image.is_user(Virtual{sregs.cr2})) return std::nullopt;
    if (!frame || frame->is_to_user()) return std::nullopt;
    // A #PF with P set in its error code has another cause than a missing page. The error code of a #DF does not show
    // that.
    const auto error = pushed_error_code(guest, *step.delivered);
    if (step.delivered == GATECRASH_VECTOR_PF && error && (*error & 1) != 0) return std::nullopt;
    return Violation{
        Invariant::page_tables,
        fmt::format("{} uses {} on the user's page tables, which do not map it; {}{}",
                    describe_instruction(guest, Virtual{frame->rip}), name_of_place(image, sregs.cr2),
                    loaded_by_.empty() ? "they were loaded before the window" : loaded_by_ + " loaded them",
                    step.delivered == GATECRASH_VECTOR_DF ? " (#DF: the #PF cannot be delivered either)" : "")};
}

CanaryCheck::CanaryCheck(Guest& guest) : were_intact_(overwritten_canary(guest).empty()) {}

void CanaryCheck::before(Guest& guest) {
    rip_ = guest.rip();
    const auto instruction = guest.next_instruction();
    may_write_ = !instruction || instruction->writes_memory;
}

std::optional<Violation> CanaryCheck::after(Guest& guest, const vm::Step& step) {
    if (!were_intact_ || (!may_write_ && !step.delivered)) return std::nullopt;
    const auto canary = overwritten_canary(guest);
    if (canary.empty()) return std::nullopt;
    const auto actor = step.delivered ? fmt::format("the delivery of vector {} at {}", *step.delivered,
                                                    guest.image().symbols.name_of(rip_))
                                      : describe_instruction(guest, rip_);
    return Violation{Invariant::stack, fmt::format("{} overwrites the canary at the {}", actor, canary)};
}

void NoinstrCheck::before(Guest& guest) {
    const auto& code = guest.image().protected_code;
    if (code.exits.empty()) return;
    rip_ = last_of_step(guest);
    is_exit_ = code.is_exit(rip_) && !guest.delivery_due();
}

std::optional<Violation> NoinstrCheck::after(Guest& guest, const vm::Step& step) const {
    if (!is_exit_ || step.delivered || step.end || guest.image().protected_code.contains(guest.rip()))
        return std::nullopt;
    return Violation{Invariant::noinstr,
                     fmt::format("{} goes to {}, outside of the protected sections, where no annotation allows it",
                                 describe_instruction(guest, rip_), guest.image().symbols.name_of(guest.rip()))};
}

}  // namespace gatecrash::sweep
