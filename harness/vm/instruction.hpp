#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gatecrash/address.hpp"

namespace gatecrash::vm {

/// What a stepper must know about an instruction before it executes.
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
    repeated_string,  ///< with REP, in memory only
    branch_to_self,
};

/// What the CPU takes code for, by CS.L and CS.D in long mode (SDM volume 3, 3.4.5). The same bytes may mean another
/// instruction, of another length.
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
    /// Where a direct branch goes.
    std::optional<Virtual> target;
    bool writes_memory = true;             ///< false only if that is certain
    bool changes_msrs = false;             ///< it is WRMSR or SWAPGS
    bool changes_debug_registers = false;  ///< it is MOV to one
};

/// Whether no interrupt is taken between this instruction and the next. (STI opens a shadow only if IF was clear; code
/// that sets IF twice is not worth the difference.)
[[nodiscard]] constexpr bool opens_shadow(const Instruction& instruction) {
    return instruction.kind == Kind::load_ss || instruction.kind == Kind::set_interrupts;
}

/// Decodes code at `address`. Empty if the bytes are no instruction.
[[nodiscard]] std::optional<Instruction> decode(std::span<const std::byte> code, Virtual address,
                                                CodeSize size = CodeSize::bits64);

/// What an instruction reads or writes in memory.
struct MemoryAccess {
    std::uint64_t address;
    std::uint64_t size;  ///< bytes
    bool is_write;
};

/// The accesses of the first instruction of `code`, which is at `address`, with these registers and segment bases; of
/// one that is repeated, those of the first round. Empty if the bytes are no instruction. Tables that the CPU reads by
/// itself are not among them.
[[nodiscard]] std::vector<MemoryAccess> memory_accesses(std::span<const std::byte> code, Virtual address,
                                                        const kvm_regs& regs, const kvm_sregs& sregs);
/// Intel syntax, for people; "(bad)" if the bytes are no instruction.
[[nodiscard]] std::string disassemble(std::span<const std::byte> code, Virtual address,
                                      CodeSize size = CodeSize::bits64);

}  // namespace gatecrash::vm
