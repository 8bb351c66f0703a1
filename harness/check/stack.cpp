// Follows what uses the stack.
#include "check/interpreter.hpp"
#include "check/operands.hpp"

namespace gatecrash::check {
namespace {

using Kind = Value::Kind;

constexpr std::size_t general_registers32 = 8;

FlagState flag_in(const Value& flags, std::uint64_t bit) {
    if (!flags.is(Kind::constant)) return FlagState::unknown;
    return (static_cast<std::uint64_t>(flags.number) & bit) != 0 ? FlagState::set : FlagState::clear;
}

}  // namespace

void Interpreter::push(EntryState& state, const Value& value, const Accuse& accuse) const {
    push(state, value, word_, accuse);
}

void Interpreter::push(EntryState& state, const Value& value, std::int64_t size, const Accuse& accuse) const {
    auto& rsp = state.registers[rsp_number];
    if (rsp.base == users_stack) accuse(Rule::user_stack_push, "pushes to the user's stack");
    rsp.number -= size;
    state.store(rsp.base, rsp.number, size == word_ ? value : Value{});
}

/// Names a difference by this instruction. It may be where a copy of a frame will begin, so that the frame ends where a
/// stack does.
void Interpreter::subtract_unknown(EntryState& state, const ZydisDecodedOperand& operand) {
    const auto number = register_of(operand);
    const bool is_whole = number && *number != rsp_number && operand.size == word_ * 8;
    if (!is_whole) return write(state, operand, {});
    forget_stack(state, state.ip);
    state.registers[*number] = stack_address(state.ip, 0);
}

/// Copies the known words of a stack, from RSI to RDI. How many the code copies does not matter: no more of the copy
/// will be used than there is.
bool Interpreter::copy_words(EntryState& state, const Decoded& decoded, Operands operands) {
    const auto& from = state.registers[rsi_number];
    const auto& to = state.registers[rdi_number];
    const bool is_repeated = (decoded.instruction.attributes & ZYDIS_ATTRIB_HAS_REP) != 0;
    if (!is_repeated || operands[0].size != word_ * 8 || state.direction != FlagState::clear || !from.is(Kind::stack) ||
        !to.is(Kind::stack) || from.base == to.base) {
        return false;
    }
    std::erase_if(state.slots, [&](const Slot& slot) { return slot.base == to.base && slot.offset >= to.number; });
    const auto words = state.slots;
    for (const auto& [base, offset, value] : words) {
        if (base == from.base && offset >= from.number) state.store(to.base, to.number + (offset - from.number), value);
    }
    state.registers[rsi_number] = state.registers[rdi_number] = {};
    state.registers[rcx_number] = constant(0);
    return true;
}

/// Forgets a stack that may be another one than before.
void Interpreter::forget_stack(EntryState& state, std::uint64_t base) {
    std::erase_if(state.slots, [&](const Slot& slot) { return slot.base == base; });
    for (auto& value : state.registers) {
        if (value.is(Kind::stack) && value.base == base) value = {};
    }
}

void Interpreter::move_stack(EntryState& state, const Value& rsp) {
    const auto moved = rsp.is(Kind::stack) ? rsp : stack_address(state.ip, 0);
    // This may be another stack than when the instruction executed before.
    if (!rsp.is(Kind::stack)) std::erase_if(state.slots, [&](const Slot& slot) { return slot.base == state.ip; });
    state.registers[rsp_number] = moved;
    state.drop_below(moved.base, moved.number);
}

void Interpreter::drop(EntryState& state, std::int64_t size) const {
    auto& rsp = state.registers[rsp_number];
    rsp.number += size;
    state.drop_below(rsp.base, rsp.number);
}

Value Interpreter::pop(EntryState& state) const {
    const auto value = state.load(state.rsp().base, state.rsp().number);
    drop(state, word_);
    return value;
}

bool Interpreter::execute_stack(EntryState& state, const Decoded& decoded, Operands operands, const Accuse& accuse) {
    switch (decoded.instruction.mnemonic) {
        case ZYDIS_MNEMONIC_PUSH:
            push(state, read(state, decoded, operands[0]), decoded.instruction.operand_width / 8, accuse);
            return true;
        case ZYDIS_MNEMONIC_PUSHFD:
        case ZYDIS_MNEMONIC_PUSHFQ:
            push(state, {}, accuse);
            return true;
        case ZYDIS_MNEMONIC_PUSHAD: {
            const auto before = state.registers;
            for (std::size_t i = 0; i < general_registers32; ++i) push(state, before[i], accuse);
            return true;
        }
        case ZYDIS_MNEMONIC_POPAD:
            for (auto i = general_registers32; i-- > 0;) {
                const auto value = pop(state);
                if (i != rsp_number) state.registers[i] = value;
            }
            return true;
        case ZYDIS_MNEMONIC_POP:
            if (const std::int64_t size = decoded.instruction.operand_width / 8; size != word_) {
                drop(state, size);
                write(state, operands[0], {});
            } else {
                write(state, operands[0], pop(state));
            }
            return true;
        case ZYDIS_MNEMONIC_MOVSD:
        case ZYDIS_MNEMONIC_MOVSQ:
            return copy_words(state, decoded, operands);
        case ZYDIS_MNEMONIC_LEAVE:
            move_stack(state, state.registers[rbp_number]);
            state.registers[rbp_number] = pop(state);
            return true;
        case ZYDIS_MNEMONIC_POPFD:
        case ZYDIS_MNEMONIC_POPFQ: {
            const auto flags = pop(state);
            state.interrupts = flag_in(flags, vm::rflags_if);
            state.direction = flag_in(flags, vm::rflags_df);
            state.alignment = flag_in(flags, vm::rflags_ac);
            return true;
        }
        default:
            return false;
    }
}

}  // namespace gatecrash::check
