// Notes what comparisons tell about the next branch.
#include "check/interpreter.hpp"
#include "check/operands.hpp"

namespace gatecrash::check {
namespace {

using Kind = Value::Kind;

bool changes_comparison(const Decoded& decoded) {
    const auto* flags = decoded.instruction.cpu_flags;
    if (flags == nullptr) return false;
    constexpr auto compared = ZYDIS_CPUFLAG_ZF | ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_CF;
    return ((flags->modified | flags->set_0 | flags->set_1 | flags->undefined) & compared) != 0;
}

/// Notes what CMP tells of the interrupted code. Returns false if nothing.
bool compare_values(Comparison& comparison, const Value& first, const Value& second) {
    const bool has_owners = is_known(first.owner) && is_known(second.owner);
    if (first.is(Kind::privilege) && second == constant(privilege_bits)) {
        comparison.carry = first.owner == Owner::kernel;
        if (first.owner == Owner::kernel) comparison.zero = false;
        return true;
    }
    if (first.is(Kind::selector) && second.is(Kind::selector)) {
        // The kernel has one CS, and both are it if both are the kernel's.
        if (has_owners && first.owner != second.owner) comparison.zero = false;
        if (has_owners && first.owner == second.owner && first.owner == Owner::kernel) comparison.zero = true;
        return true;
    }
    if (!second.is(Kind::constant) || !is_known(first.owner)) return false;
    const auto selector = static_cast<std::uint64_t>(second.number);
    const bool is_users = (selector & privilege_bits) != 0;
    if (first == owned(Kind::segment, Owner::user)) {
        // CPL 3 cannot load a selector of RPL 0, except the null selector.
        if (selector != 0 && !is_users) comparison.zero = false;
        return true;
    }
    if (!first.is(Kind::selector)) return false;
    if (is_users != (first.owner == Owner::user)) comparison.zero = false;
    return true;
}

}  // namespace

/// Notes what a comparison tells. Must run before the instruction changes its operands.
void Interpreter::compare(EntryState& state, const Decoded& decoded, Operands operands) {
    if (!changes_comparison(decoded)) return;
    state.comparison = {};
    auto& comparison = state.comparison;
    const auto mnemonic = decoded.instruction.mnemonic;
    const auto first = read(state, decoded, operands[0]), second = read(state, decoded, operands[1]);
    if (mnemonic == ZYDIS_MNEMONIC_BT) {
        const bool is_of_rpl = first.is(Kind::selector) && is_immediate(operands[1]) && operands[1].imm.value.u < 2;
        if (is_known(first.owner) && is_immediate(operands[1]) && (first.is(Kind::cr3) || is_of_rpl))
            comparison.carry = first.owner == Owner::user;
        return;
    }
    const bool is_test = mnemonic == ZYDIS_MNEMONIC_TEST || mnemonic == ZYDIS_MNEMONIC_AND;
    if (is_test && is_immediate(operands[1])) return test_bits(state, operands[0], first, second);
    if (mnemonic == ZYDIS_MNEMONIC_CMP) {
        if (first.is(Kind::rip) || second.is(Kind::rip)) comparison.is_of_rip = true;
        if (compare_values(comparison, first, second)) return;
    }
    // TEST of a register with itself, or CMP with 0.
    const auto number = register_of(operands[0]);
    const bool is_of_itself = is_test && number && is_register(operands[1], operands[0].reg.value);
    const bool is_with_zero = mnemonic == ZYDIS_MNEMONIC_CMP && is_immediate(operands[1]) && second == constant(0);
    if (!is_of_itself && !is_with_zero) return;
    if (first.is(Kind::constant)) {
        comparison.zero = first.number == 0;
    } else if ((first.is(Kind::gs_base) || first.is(Kind::gs_base_high)) && first.owner != Owner::unknown) {
        comparison.sign = first.owner == Owner::kernel;
    } else if (first.is(Kind::interrupted) && number && !is_high_byte(operands[0].reg.value)) {
        if (first.number > 0) {
            comparison.zero = false;
        } else if (first.number == 0 && operands[0].size == 8) {
            comparison.zero = true;
        } else {
            comparison.interrupted = static_cast<std::uint8_t>(*number + 1);
        }
    }
}

/// Notes what TEST or AND of `operand`, which is `value`, with bits tells.
void Interpreter::test_bits(EntryState& state, const ZydisDecodedOperand& operand, const Value& value,
                            const Value& bits) const {
    auto& comparison = state.comparison;
    const auto mask = static_cast<std::uint64_t>(bits.number);
    const bool is_of_rpl = mask != 0 && (mask & ~privilege_bits) == 0;
    const bool is_word_of_both = value.is(Kind::mixed) || value.is(Kind::privilege);
    const bool tells_owner =
        value.is(Kind::cr3) || (value.is(Kind::selector) && is_of_rpl) || (is_word_of_both && mask == vm_and_privilege);
    // The kernel does not run in virtual-8086 mode, and has no stack segment of the LDT.
    const bool is_clear = value.is(Kind::selector) && value.number == 1 && (mask & 0xffff) == 0;
    const bool is_clear_in_kernel =
        (value.is(Kind::flags) && mask == vm::rflags_vm) || (value.is(Kind::stack_segment) && mask == table_indicator);
    if (tells_owner && is_known(value.owner)) {
        comparison.zero = value.owner == Owner::kernel;
    } else if (is_clear || (is_clear_in_kernel && value.owner == Owner::kernel)) {
        comparison.zero = true;
    } else if (value.is(Kind::stack)) {
        comparison.is_of_rsp = true;
    } else if (value.is(Kind::constant)) {
        comparison.zero = (static_cast<std::uint64_t>(value.number) & mask) == 0;
    } else if (is_of_rpl && is_memory(operand)) {
        comparison.tested_selector = slot_of(state, operand);
    }
}

}  // namespace gatecrash::check
