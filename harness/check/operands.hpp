// Small questions about Zydis's operands.
#pragma once

#include <Zydis/Zydis.h>

#include <cstdint>
#include <optional>

#include "check/entry_state.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::check {

constexpr std::uint64_t privilege_bits = 3;   ///< RPL and CPL in a selector
constexpr std::uint64_t table_indicator = 4;  ///< TI in a selector: it is one of the LDT
/// VM of EFLAGS and RPL of CS in one word: both are 0 if the CPU came from CPL 0.
constexpr std::uint64_t vm_and_privilege = vm::rflags_vm | privilege_bits;

/// Returns the number of the general register that an operand is a part of, or nothing.
[[nodiscard]] inline std::optional<std::size_t> register_of(ZydisRegister name) {
    const auto whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);
    if (ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64) return std::nullopt;
    const auto number = ZydisRegisterGetId(whole);
    return number >= 0 && number < 16 ? std::optional(static_cast<std::size_t>(number)) : std::nullopt;
}
[[nodiscard]] inline std::optional<std::size_t> register_of(const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER ? register_of(operand.reg.value) : std::nullopt;
}
[[nodiscard]] inline bool is_high_byte(ZydisRegister name) {
    return name == ZYDIS_REGISTER_AH || name == ZYDIS_REGISTER_BH || name == ZYDIS_REGISTER_CH ||
           name == ZYDIS_REGISTER_DH;
}
[[nodiscard]] inline bool is_written(const ZydisDecodedOperand& operand) {
    return (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
}
[[nodiscard]] inline bool is_memory(const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.type == ZYDIS_MEMOP_TYPE_MEM;
}
[[nodiscard]] inline bool is_immediate(const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
}
[[nodiscard]] inline bool is_register(const ZydisDecodedOperand& operand, ZydisRegister name) {
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && operand.reg.value == name;
}

/// Returns which segment register that is, of those that keep the user's selectors.
[[nodiscard]] inline std::optional<Segment> segment_of(ZydisRegister name) {
    switch (name) {
        case ZYDIS_REGISTER_ES:
            return Segment::es;
        case ZYDIS_REGISTER_DS:
            return Segment::ds;
        case ZYDIS_REGISTER_FS:
            return Segment::fs;
        case ZYDIS_REGISTER_GS:
            return Segment::gs;
        default:
            return std::nullopt;
    }
}
[[nodiscard]] inline std::optional<Segment> segment_of(const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER ? segment_of(operand.reg.value) : std::nullopt;
}

[[nodiscard]] inline bool is_known(Owner owner) { return owner != Owner::unknown; }

}  // namespace gatecrash::check
