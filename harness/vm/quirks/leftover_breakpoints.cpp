#include "vm/quirks/leftover_breakpoints.hpp"

#include <array>

#include "vm/guest.hpp"

namespace gatecrash::vm::quirks {

void disarm_breakpoints(Guest& guest) {
    if (!guest.repairs().leftover_breakpoints) return;
    constexpr std::uint64_t enabled = 0xff;
    const auto debug = guest.debug_registers();
    if ((debug.dr7 & enabled) == 0) return;
    constexpr std::array mov_dr7_rax{std::byte{0x0f}, std::byte{0x23}, std::byte{0xf8}};
    kvm_regs regs{};
    regs.rax = debug.dr7 & ~enabled;
    guest.execute(mov_dr7_rax, regs);
}

}  // namespace gatecrash::vm::quirks
