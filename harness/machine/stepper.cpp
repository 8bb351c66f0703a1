#include "gatecrash/machine/stepper.hpp"

#include <cstring>

namespace gatecrash::machine {

Gate decode_gate(const std::byte* bytes) {
    std::uint16_t low = 0, selector = 0, middle = 0;
    std::uint32_t high = 0;
    std::memcpy(&low, bytes, sizeof low);
    std::memcpy(&selector, bytes + 2, sizeof selector);
    std::memcpy(&middle, bytes + 6, sizeof middle);
    std::memcpy(&high, bytes + 8, sizeof high);
    const auto target = (std::uint64_t{high} << 32) | (std::uint64_t{middle} << 16) | low;
    const auto type = std::to_integer<unsigned>(bytes[5]) & 0x9fU;  // P, S and type
    return {.target = Virtual{target},
            .selector = selector,
            .ist = std::to_integer<unsigned>(bytes[4]) & 7U,
            .delivers = type == 0x8e || type == 0x8f};
}

Step Stepper::step() {
    auto result = advance();
    // An event that the instruction let in (an IRET unmasked it, say) is delivered ahead of the next instruction.
    while (!result.end && !result.delivered && machine_.delivery_due()) result = advance();
    return result;
}

std::unique_ptr<Stepper> make_stepper(StepperKind kind, Machine& machine) {
    return kind == StepperKind::trap_flag ? make_trap_flag_stepper(machine) : make_stop_byte_stepper(machine);
}

}  // namespace gatecrash::machine
