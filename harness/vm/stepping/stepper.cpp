#include "vm/stepping/stepper.hpp"

#include <algorithm>
#include <cstring>

#include "vm/stepping/hidden_nmi.hpp"

namespace gatecrash::vm {
namespace {

/// With shadow stacks a delivery can fail after it has pushed RFLAGS. The trap flag stepper does not find that word, so
/// TF would stay in it.
bool may_use_shadow_stacks(const Image& image) {
    return std::ranges::any_of(image.segments, &Segment::shadow_stack) && abilities_of(image).loads_cr4;
}

}  // namespace

Gate decode_gate(std::span<const std::byte> bytes) {
    std::uint16_t low = 0, selector = 0, middle = 0;
    std::uint32_t high = 0;
    std::memcpy(&low, bytes.data(), sizeof low);
    std::memcpy(&selector, bytes.data() + 2, sizeof selector);
    std::memcpy(&middle, bytes.data() + 6, sizeof middle);
    if (bytes.size() == max_gate_size) std::memcpy(&high, bytes.data() + 8, sizeof high);
    const auto target = (std::uint64_t{high} << 32) | (std::uint64_t{middle} << 16) | low;
    const auto type = std::to_integer<unsigned>(bytes[5]) & 0x9fU;  // P, S and type
    return {.target = Virtual{target},
            .selector = selector,
            .ist = std::to_integer<unsigned>(bytes[4]) & 7U,
            .delivers = type == 0x8e || type == 0x8f};
}

void set_target(std::span<std::byte> gate, Virtual target) {
    const auto low = static_cast<std::uint16_t>(number(target)),
               middle = static_cast<std::uint16_t>(number(target) >> 16);
    const auto high = static_cast<std::uint32_t>(number(target) >> 32);
    std::memcpy(gate.data(), &low, sizeof low);
    std::memcpy(gate.data() + 6, &middle, sizeof middle);
    if (gate.size() == max_gate_size) std::memcpy(gate.data() + 8, &high, sizeof high);
}

Step Stepper::step() {
    const auto known = guest_.known();
    const auto instruction = guest_.next_instruction();
    const auto rsp = guest_.cpu().regs().rsp;
    Step result;
    {
        HiddenNmi hidden(guest_.cpu());
        result = advance();
        if (result.delivered == GATECRASH_VECTOR_NMI) hidden.forget();
    }
    // A stepper can mistake a delivery for a branch, but every delivery pushes a frame.
    const bool delivered = result.delivered || guest_.cpu().regs().rsp != rsp;
    if (!result.end && instruction && !opens_shadow(*instruction)) guest_.executed(*instruction, delivered, known);
    // An event that the instruction let in (an IRET unmasked it, say) is delivered before the next instruction.
    while (!result.end && !result.delivered && guest_.delivery_due()) {
        const auto before = guest_.known();
        result = advance();
        if (!result.end) guest_.delivered(before);
    }
    return result;
}

StepperKind stepper_for(const Image& image, std::span<const Event> events, StepperKind usual) {
    const bool watches = std::ranges::any_of(events, arms_watchpoint);
    const bool only_stop_bytes =
        !image.is_64_bit() || image.symbols.find("sets_trap_flag") || watches || may_use_shadow_stacks(image);
    return only_stop_bytes ? StepperKind::stop_bytes : usual;
}

std::unique_ptr<Stepper> make_stepper(StepperKind kind, Guest& guest) {
    return kind == StepperKind::trap_flag ? make_trap_flag_stepper(guest) : make_stop_byte_stepper(guest);
}

}  // namespace gatecrash::vm
