#include "kernel/kernel_walk.hpp"

#include <algorithm>
#include <optional>

#include "kernel/delivery_frame.hpp"
#include "vm/state/cpu_mode.hpp"

namespace gatecrash::kernel {

KernelWalk::KernelWalk(KernelGuest& guest, const KernelFacts& facts, const std::vector<AddressRange>& text,
                       std::vector<Call> calls, bool handles_db)
    : guest_(guest), text_(text), stepper_(guest, facts), calls_(std::move(calls)), handles_db_(handles_db) {
    // Entry text runs only after a delivery or a call of its own.
    for (const auto& range : text_) {
        if (range.begin != facts.entry_text.begin) places_.push_back(range.begin);
    }
}

bool KernelWalk::is_text(vm::Virtual address) const {
    return text_.empty() || std::ranges::any_of(text_, [&](const auto& range) { return range.contains(address); });
}

bool KernelWalk::is_stepped() const { return guest_.is_in_program() || is_in_text(); }

KernelStepper::Step KernelWalk::step() {
    auto step = step_over_calls();
    follow_db(step);
    return step;
}

KernelStepper::Step KernelWalk::step_over_calls() {
    auto instruction = stepper_.next_instruction();
    const auto before = guest_.cpu().regs();
    const auto begin = guest_.rip();
    const auto word = vm::pushed_word(guest_.cpu().sregs().cs);
    vm::Virtual next{number(begin) + (instruction ? instruction->length : 0)};
    if (instruction && vm::opens_shadow(*instruction)) {
        // The next instruction executes in the same step.
        instruction = guest_.instruction_at(next);
        if (instruction) next = vm::Virtual{number(next) + instruction->length};
    }
    const bool counts = is_in_text() && !guest_.is_in_program();
    auto step = stepper_.step();
    // A delivery may have come in the place of the instruction.
    if (counts && !step.delivered) executed_.add(begin, next);
    has_written_ = has_written_ || step.delivered || !instruction || instruction->writes_memory;
    if (step.end || step.delivered || is_stepped()) return step;
    const auto top = guest_.stack_pointer();
    const bool is_call =
        guest_.cpu().regs().rsp == before.rsp - word && guest_.word_at(top, word) == std::optional(number(next));
    if (is_call && is_text(begin)) calls_.push_back({next, top});
    while (!step.end && !calls_.empty() && !is_stepped()) {
        step.end = stepper_.run_until_return(calls_.back(), places_);
        if (!step.end && guest_.rip() == calls_.back().returns_to) calls_.pop_back();
        has_written_ = true;
    }
    return step;
}

/// Notes where the handler of a #DB begins, and where it returns.
void KernelWalk::follow_db(const KernelStepper::Step& step) {
    const auto& regs = guest_.cpu().regs();
    if (step.delivered == std::uint8_t{GATECRASH_VECTOR_DB}) {
        const auto frame = pushed_frame(guest_, *step.delivered);
        handles_db_ = true;
        returns_to_ = frame.rip;
        returns_with_ = frame.interrupted_rsp;
    } else if (guest_.is_in_program() || (regs.rip == returns_to_ && regs.rsp == returns_with_)) {
        handles_db_ = false;
    }
}

}  // namespace gatecrash::kernel
