#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "gatecrash/address.hpp"

namespace gatecrash::vm {

/// The kinds of instructions that a stepper must tell apart before it executes one.
enum class Kind : std::uint8_t {
    other,
    push_flags,
    pop_flags,
    syscall,
    sysret,
    iret,
    set_interrupts,  ///< STI
    load_ss,         ///< MOV SS, POP SS
    halt,
    out,              ///< OUT, not OUTS
    int1,             ///< INT1, also called ICEBP
    repeated_string,  ///< a string instruction with REP, but no input or output
    branch_to_self,
};

/// The size that the CPU assumes for code, by CS.L and CS.D in long mode (SDM volume 3, 3.4.5). With another size, the
/// same bytes may be another instruction of another length.
enum class CodeSize : std::uint8_t { bits64, bits32, bits16 };
[[nodiscard]] constexpr CodeSize code_size(const kvm_segment& cs) {
    if (cs.l != 0) return CodeSize::bits64;
    return cs.db != 0 ? CodeSize::bits32 : CodeSize::bits16;
}

/// One decoded instruction (Zydis).
struct Instruction {
    static constexpr std::size_t max_length = 15;

    std::uint8_t length = 0;  ///< bytes
    Kind kind = Kind::other;
    /// The address that a direct branch goes to.
    std::optional<Virtual> target;
    /// It computes and moves data. Unless it faults, the instruction after it is the next.
    bool is_plain = false;
    bool writes_memory = true;             ///< false only if that is certain
    bool changes_msrs = false;             ///< it is WRMSR or SWAPGS
    bool changes_debug_registers = false;  ///< it is MOV to a debug register
};

/// True if the CPU takes no interrupt between this instruction and the next. STI opens a shadow only if IF was clear,
/// but code that sets IF twice is not worth the difference.
[[nodiscard]] constexpr bool opens_shadow(const Instruction& instruction) {
    return instruction.kind == Kind::load_ss || instruction.kind == Kind::set_interrupts;
}

/// Decodes the instruction at `address`. Empty if the bytes are no instruction.
[[nodiscard]] std::optional<Instruction> decode(std::span<const std::byte> code, Virtual address,
                                                CodeSize size = CodeSize::bits64);

/// One access of an instruction to memory.
struct MemoryAccess {
    std::uint64_t address;
    std::uint64_t size;  ///< bytes
    bool is_write;
    /// The text of the instruction names the registers that the address comes from, and it is no NOP.
    bool is_computed;
};

/// Returns the accesses of the first instruction of `code`, which is at `address`, with these registers and segment
/// bases. For a repeated instruction, these are the accesses of the first repetition. Tables that the CPU reads by
/// itself are not included. Empty if the bytes are no instruction.
[[nodiscard]] std::vector<MemoryAccess> memory_accesses(std::span<const std::byte> code, Virtual address,
                                                        const kvm_regs& regs, const kvm_sregs& sregs);

}  // namespace gatecrash::vm
