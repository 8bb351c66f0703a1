// Tells what the mode of a CPU decides: the size of words in its tables and frames, and where RIP and RSP point.
#pragma once

#include <linux/kvm.h>

#include <cstdint>

#include "gatecrash/address.hpp"
#include "vm/instruction.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::vm {

/// True in long mode, where the kernel has 64 bits, and programs may have 32. Otherwise the CPU is in legacy mode.
[[nodiscard]] constexpr bool is_long_mode(const kvm_sregs& sregs) { return (sregs.efer & efer_lma) != 0; }

/// Returns the size in bytes of the words that the CPU pushes when it delivers a vector, and of those in a TSS. Long
/// mode pushes words of 64 bits, whatever code it interrupts (SDM volume 3, 6.12 and 6.14.2).
[[nodiscard]] constexpr std::uint64_t frame_word(const kvm_sregs& sregs) { return is_long_mode(sregs) ? 8 : 4; }

/// Returns the size in bytes of a gate in the IDT: two such words (SDM volume 3, figures 6-2 and 6-8).
[[nodiscard]] constexpr std::uint64_t gate_size(const kvm_sregs& sregs) { return 2 * frame_word(sregs); }

/// Returns the size in bytes of the words that code pushes by a CALL or a PUSHF, and pops by an IRET. A prefix can
/// change it.
[[nodiscard]] constexpr std::uint64_t pushed_word(const kvm_segment& cs) {
    switch (code_size(cs)) {
        case CodeSize::bits64:
            return 8;
        case CodeSize::bits32:
            return 4;
        case CodeSize::bits16:
            return 2;
    }
    return 8;
}

/// Returns the linear address of `offset` in a segment, for code that has not 64 bits (SDM volume 3, 3.3.1 and 3.4).
[[nodiscard]] constexpr Virtual linear_address(const kvm_segment& segment, std::uint64_t offset) {
    return Virtual{(segment.base + offset) & 0xffffffff};
}
/// Returns the linear address of the top of the stack, for such code. The segment decides how wide SP is.
[[nodiscard]] constexpr Virtual linear_stack_pointer(const kvm_segment& ss, std::uint64_t rsp) {
    return linear_address(ss, rsp & (ss.db != 0 ? 0xffffffff : 0xffff));
}

}  // namespace gatecrash::vm
