#include "sweep/check/frame_tracker.hpp"

#include "vm/vectors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace gatecrash::sweep {
namespace {

using vm::Guest;
using vm::Virtual;

/// Returns the address of the frame that the CPU has just pushed. In long mode the CPU aligns RSP to 16, pushes five
/// words, and a sixth for an error code (SDM volume 3, 6.14.2). So RSP shows whether there is an error code.
std::uint64_t pushed_frame_address(Guest& guest, std::uint8_t vector) {
    const auto rsp = number(guest.stack_pointer());
    const auto word = guest.image().word_size;
    const bool error_code = guest.image().is_64_bit() ? rsp % 16 == 0 : vm::pushes_error_code(vector);
    return rsp + (error_code ? word : 0);
}

/// True if a CPU can have pushed the frame: its code, stack and address belong to one privilege level.
bool is_possible(const ReturnFrame& frame, const vm::Image& image) {
    if (frame.is_to_vm86()) return true;
    return (frame.ss & 3) == (frame.cs & 3) && image.is_user(Virtual{frame.rip}) == frame.is_to_user();
}

/// Returns the address after the part of the frame that is in memory (SDM volume 3, figures 6-4 and 20-4).
std::uint64_t end_of_frame(std::uint64_t address, const ReturnFrame& frame, const vm::Image& image) {
    constexpr std::uint64_t words = 5, words_of_same_level = 3, words_of_vm86 = 9;
    if (image.is_64_bit()) return address + words * image.word_size;
    return address + image.word_size * (frame.is_to_vm86()   ? words_of_vm86
                                        : frame.is_to_user() ? words
                                                             : words_of_same_level);
}

std::optional<ReturnFrame> frame_at(Guest& guest, std::uint64_t address) {
    const auto& memory = guest.memory();
    if (guest.image().is_64_bit()) return memory.read<ReturnFrame>(Virtual{address});
    constexpr std::uint32_t selector = 0xffff;
    const auto level = memory.read<std::array<std::uint32_t, 3>>(Virtual{address});
    if (!level) return std::nullopt;
    ReturnFrame frame{(*level)[0], (*level)[1] & selector, (*level)[2], address + sizeof *level, GATECRASH_KERNEL_SS};
    if (!frame.is_to_user()) return frame;
    const auto stack = memory.read<std::array<std::uint32_t, 2>>(Virtual{frame.rsp});
    if (!stack) return std::nullopt;
    frame.rsp = (*stack)[0];
    frame.ss = (*stack)[1] & selector;
    return frame;
}

/// Compares two frames without RF. A breakpoint handler sets RF so that the instruction does not break again when it is
/// resumed (SDM volume 3, 17.3.1.1).
bool same_but_rf(ReturnFrame a, ReturnFrame b) {
    a.rflags &= ~vm::rflags_rf;
    b.rflags &= ~vm::rflags_rf;
    return a == b;
}

}  // namespace

std::optional<ReturnFrame> pushed_frame(Guest& guest, std::uint8_t vector) {
    return frame_at(guest, pushed_frame_address(guest, vector));
}

std::optional<std::uint64_t> pushed_error_code(Guest& guest, std::uint8_t vector) {
    const auto rsp = number(guest.stack_pointer());
    if (pushed_frame_address(guest, vector) == rsp) return std::nullopt;
    if (guest.image().is_64_bit()) return guest.memory().read<std::uint64_t>(Virtual{rsp});
    return guest.memory().read<std::uint32_t>(Virtual{rsp});
}

std::string FrameTracker::name(std::uint64_t address) const { return image_.symbols.name_of(Virtual{address}); }

std::string FrameTracker::lost_frames() const {
    std::string names;
    for (const auto& delivery : deliveries_) {
        if (!delivery.is_live()) continue;
        names += (names.empty() ? "" : ", ") + name(delivery.frame.rip);
        if (!delivery.overwritten_by.empty()) names += fmt::format(" (overwritten by {})", delivery.overwritten_by);
    }
    return names.empty() ? "" : "; lost: the way back to " + names;
}

void FrameTracker::before(Guest& guest) {
    const auto rip = number(guest.rip());
    actor_ = name(rip);
    pop_.reset();
    returned_to_.reset();
    if (guest.delivery_due()) return;
    const auto instruction = guest.next_instruction();
    if (!instruction || instruction->kind != vm::Kind::iret) return;
    const auto rsp = number(guest.stack_pointer());
    if (const auto frame = frame_at(guest, rsp)) pop_ = Pop{rip, rsp, *frame};
}

std::optional<Violation> FrameTracker::after(Guest& guest, const vm::Step& step) {
    if (step.end && std::holds_alternative<vm::TripleFault>(*step.end)) return std::nullopt;
    std::optional<Violation> violation;
    if (pop_) {
        // An IRET that faults has returned nowhere: the exception's frame leads back to it.
        const auto pushed =
            step.delivered && vm::is_exception(*step.delivered) ? pushed_frame(guest, *step.delivered) : std::nullopt;
        pop_->faulted = pushed && pushed->rip == pop_->iret;
        violation = pop();
    }
    if (step.delivered) {
        actor_ = fmt::format("the delivery of vector {} at {}", *step.delivered, actor_);
        push(guest, *step.delivered);
    } else {
        note_given_up(guest);
    }
    note_overwritten(guest);
    return violation ? violation : check_live_stacks(guest);
}

void FrameTracker::push(Guest& guest, std::uint8_t vector) {
    const auto frame = pushed_frame(guest, vector);
    if (!frame) return;
    const auto address = pushed_frame_address(guest, vector);
    Delivery delivery{vector, address, end_of_frame(address, *frame, image_), *frame, kept_state(guest), {}};
    delivery.live.resize(end_of_live_part(delivery) - frame->rsp);
    if (!guest.memory().read(Virtual{frame->rsp}, delivery.live)) delivery.live.clear();
    deliveries_.push_back(std::move(delivery));
}

std::uint64_t FrameTracker::end_of_live_part(const Delivery& delivery) const {
    const auto rsp = delivery.frame.rsp;
    // User code may have any value in RSP; it need not point to a stack of its own.
    if (delivery.frame.is_to_user() && (delivery.frame.is_to_vm86() || !image_.is_user(Virtual{rsp}))) return rsp;
    const auto* stack = stack_at(rsp);
    if (stack == nullptr) return rsp;
    const bool same_stack = delivery.address >= stack->low && delivery.address < stack->high;
    if (!same_stack) return stack->high;
    // Without a stack switch, the CPU pushes directly below the interrupted RSP. Such a handler may repair what it
    // interrupted, as a fixup of a faulting IRET does.
    if (delivery.end <= rsp && rsp - delivery.end < 16) return rsp;
    // A vector that nests on its own stack shares the top of that stack with its outer run, whatever the design does.
    // Any other handler that runs on that stack owns it from its frame down.
    const Delivery* innermost = nullptr;
    for (const auto& earlier : deliveries_) {
        const bool above = earlier.is_live() && earlier.address >= rsp && earlier.address < stack->high;
        if (above && (innermost == nullptr || earlier.address < innermost->address)) innermost = &earlier;
    }
    if (innermost == nullptr || innermost->vector == delivery.vector) return rsp;
    return innermost->end;
}

FrameTracker::Delivery* FrameTracker::find_delivery(const ReturnFrame& frame, std::uint64_t address, bool used) {
    Delivery* found = nullptr;
    for (auto& delivery : deliveries_) {
        if (delivery.used != used || !same_but_rf(delivery.frame, frame)) continue;
        // Prefers, among equal frames, one that was not given up, then one that was pushed here, then the newest.
        const auto fits = [&](const Delivery& d) { return std::pair(!d.given_up, d.address == address); };
        if (found == nullptr || fits(delivery) >= fits(*found)) found = &delivery;
    }
    return found;
}

std::optional<Violation> FrameTracker::pop() {
    const auto iret = pop_->iret, address = pop_->address;
    const auto& frame = pop_->frame;
    if (auto* unused = find_delivery(frame, address, false)) {
        // The IRET proves that the frame was not given up: its handler went astray on the interrupted stack.
        if (!unused->damage.empty()) return Violation{Invariant::stack, unused->damage};
        unused->used = !pop_->faulted;
        if (unused->used) returned_to_ = unused->context;
        return std::nullopt;
    }
    if (const auto* used = find_delivery(frame, address, true)) {
        return Violation{
            Invariant::stack,
            fmt::format("the IRET at {} returns a second time through the frame to {} that vector {} pushed{}",
                        name(iret), name(frame.rip), used->vector, lost_frames())};
    }
    // Finds the newest frame that was pushed here and has changed since. Either the entry code changed it on purpose,
    // as for a redirection or the way into user code, or it is lost.
    const auto changed = std::find_if(deliveries_.rbegin(), deliveries_.rend(), [&](const Delivery& d) {
        return !d.used && d.address == address && (d.redirected || !d.overwritten_by.empty());
    });
    if (changed != deliveries_.rend() && !changed->overwritten_by.empty()) {
        return Violation{
            Invariant::stack,
            fmt::format("the IRET at {} pops the frame to {} that vector {} pushed, which was overwritten by {}",
                        name(iret), name(changed->frame.rip), changed->vector, changed->overwritten_by)};
    }
    // CS 0 is a mark that some designs leave for themselves: the IRET faults on it, and they remove it.
    if (!is_possible(frame, image_) && frame.cs != 0) {
        return Violation{Invariant::stack,
                         fmt::format("the IRET at {} pops a mixture of frames: RIP {}, CS {:#x}, SS {:#x}, RSP {:#x}{}",
                                     name(iret), name(frame.rip), frame.cs, frame.ss, frame.rsp, lost_frames())};
    }
    if (changed != deliveries_.rend()) changed->used = !pop_->faulted;
    return std::nullopt;
}

void FrameTracker::note_overwritten(Guest& guest) {
    bool something_newer = false;
    for (auto delivery = deliveries_.rbegin(); delivery != deliveries_.rend(); ++delivery) {
        if (!delivery->is_live()) continue;
        const auto now = frame_at(guest, delivery->address);
        if (!now || !same_but_rf(*now, delivery->frame)) {
            if (!something_newer) delivery->redirected = true;
            if (!delivery->redirected && delivery->overwritten_by.empty()) delivery->overwritten_by = actor_;
        }
        something_newer = true;
    }
}

const abi::Stack* FrameTracker::stack_at(std::uint64_t rsp) const {
    const auto found =
        std::ranges::find_if(image_.stacks, [&](const auto& stack) { return rsp >= stack.low && rsp <= stack.high; });
    return found == image_.stacks.end() ? nullptr : &*found;
}

/// Marks a context as given up once its stack is unwound past it. Only the innermost context can be given up: the code
/// that runs inside it may use outer stacks as it likes, or break them.
void FrameTracker::note_given_up(Guest& guest) {
    for (auto delivery = deliveries_.rbegin(); delivery != deliveries_.rend(); ++delivery) {
        if (!delivery->is_live()) continue;
        if (!is_given_up(guest, *delivery)) return;
        delivery->given_up = true;
    }
}

bool FrameTracker::is_given_up(Guest& guest, const Delivery& delivery) const {
    const auto* stack = stack_at(delivery.frame.rsp);
    if (delivery.frame.is_to_user() || stack == nullptr) return false;
    const auto rsp = number(guest.stack_pointer());
    if (guest.cpl() == 0 && rsp == delivery.frame.rsp && number(guest.rip()) == delivery.frame.rip) return true;
    // A vector that nested on its own stack has its frame above what it interrupted.
    if (delivery.address >= delivery.frame.rsp && delivery.address < stack->high) return false;
    if (pop_ && !pop_->faulted) return stack_at(pop_->address) == stack && pop_->address >= delivery.frame.rsp;
    return guest.cpl() == 0 && stack_at(rsp) == stack && rsp > delivery.frame.rsp;
}

std::optional<Violation> FrameTracker::check_live_stacks(Guest& guest) {
    std::vector<std::byte> now;
    for (auto& delivery : deliveries_) {
        if (delivery.used || delivery.live.empty() || !delivery.damage.empty()) continue;
        now.resize(delivery.live.size());
        if (!guest.memory().read(Virtual{delivery.frame.rsp}, now)) continue;
        const auto changed = std::mismatch(now.begin(), now.end(), delivery.live.begin()).first;
        if (changed == now.end()) continue;
        delivery.damage = fmt::format(
            "{} overwrites the live part of stack {}, {} bytes above the RSP with which vector {} "
            "interrupted {}",
            actor_, image_.stack_of(delivery.frame.rsp), changed - now.begin(), delivery.vector,
            name(delivery.frame.rip));
        if (!delivery.given_up) return Violation{Invariant::stack, delivery.damage};
    }
    return std::nullopt;
}

}  // namespace gatecrash::sweep
