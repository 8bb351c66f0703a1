// Follows what uses the stack.
#include "check/interpreter.hpp"
#include "check/operands.hpp"

namespace gatecrash::check {
namespace {

using Kind = Value::Kind;

constexpr std::size_t rbp_number = 5, general_registers32 = 8;

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
