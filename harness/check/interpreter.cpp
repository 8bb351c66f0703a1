#include "check/interpreter.hpp"

#include <utility>

#include "check/operands.hpp"

namespace gatecrash::check {
namespace {

using Kind = Value::Kind;

constexpr std::int64_t msr_gs_base = 0xc0000101, msr_kernel_gs_base = 0xc0000102, msr_spec_ctrl = 0x48,
                       msr_pred_cmd = 0x49;

/// Returns what a sum or a difference of a known value and a constant is.
Value sum(const Value& value, std::int64_t number) {
    if (value.is(Kind::stack)) return stack_address(value.base, value.number + number);
    if (value.is(Kind::rip)) return value;
    // Larger numbers are counters, and each value of one would be a state of its own.
    constexpr std::int64_t largest = 4;
    const auto result = value.number + number;
    return value.is(Kind::constant) && result >= 0 && result <= largest ? constant(result) : Value{};
}

/// Returns a CR3 some of whose bits AND clears or OR sets. Bit 12 tells the two sets of page tables apart (Linux,
/// arch/x86/entry/calling.h, PTI_USER_PGTABLE_BIT). The lower bits are the PCID, and other bits are another address.
Value with_changed_bits(const Value& cr3, std::int64_t bits, Owner owner) {
    constexpr std::int64_t user_page_tables = 0x1000, pcid = 0xfff;
    if ((bits & user_page_tables) != 0) return owned(Kind::cr3, owner);
    return (bits & ~pcid) == 0 ? cr3 : Value{};
}

/// Returns what a register is of which only the lowest 8 or 16 bits are written. Those of a selector tell its RPL, and
/// no comparison of the rest tells more.
Value narrow(const Value& target, const ZydisDecodedOperand& operand, const Value& value) {
    if (is_high_byte(operand.reg.value)) return {};
    if (operand.size == 8 && value.is(Kind::constant) && target.is(Kind::interrupted))
        return {Kind::interrupted, Owner::unknown, 0, value.number & 0xff};
    if (operand.size == 16 && value.is(Kind::constant) && value.number != 0) return own_selector;
    if (operand.size == 16 && value.is(Kind::segment)) return value;
    if (!value.is(Kind::selector)) return {};
    if (operand.size == 8 && target.is(Kind::flags) && target.owner == value.owner)
        return owned(Kind::mixed, value.owner);
    return value;
}

/// True if MOV copies all that is known of its source. A segment register is shorter than what it is moved from or to.
bool is_whole_move(const ZydisDecodedOperand (&operands)[ZYDIS_MAX_OPERAND_COUNT]) {
    return operands[0].size == operands[1].size || is_immediate(operands[1]) || segment_of(operands[0]) ||
           segment_of(operands[1]) || is_register(operands[1], ZYDIS_REGISTER_CS);
}

}  // namespace

Interpreter::Interpreter(const CodeMap& map, const Policy& policy)
    : map_(map), word_(map.file().bits / 8), policy_(policy), alternatives_(read_alternatives(map.file())) {}

std::int64_t Interpreter::immediate(const ZydisDecodedOperand& operand) const {
    return word_ == 8 ? operand.imm.value.s : static_cast<std::int32_t>(operand.imm.value.s);
}

std::optional<std::pair<std::uint64_t, std::int64_t>> Interpreter::slot_of(const EntryState& state,
                                                                           const ZydisDecodedOperand& operand) const {
    const auto& memory = operand.mem;
    if (memory.segment == ZYDIS_REGISTER_GS || memory.segment == ZYDIS_REGISTER_FS) return std::nullopt;
    const auto base = register_of(memory.base);
    if (!base || memory.index != ZYDIS_REGISTER_NONE || !state.registers[*base].is(Kind::stack)) return std::nullopt;
    const auto& address = state.registers[*base];
    return std::pair{address.base,
                     address.number + (memory.disp.has_displacement == ZYAN_TRUE ? memory.disp.value : 0)};
}

Value Interpreter::read(const EntryState& state, const Decoded& decoded, const ZydisDecodedOperand& operand) const {
    if (is_immediate(operand))
        return constant(word_ == 8 ? operand.imm.value.s : static_cast<std::uint32_t>(operand.imm.value.u));
    if (const auto number = register_of(operand)) {
        const auto& value = state.registers[*number];
        if (is_high_byte(operand.reg.value)) return {};
        return value;
    }
    if (is_register(operand, ZYDIS_REGISTER_CR3)) return owned(Kind::cr3, state.cr3);
    if (is_register(operand, ZYDIS_REGISTER_CS)) return owned(Kind::selector, Owner::kernel);
    if (const auto segment = segment_of(operand)) {
        const auto owner = state.segment(*segment);
        return is_known(owner) ? owned(Kind::segment, owner) : Value{};
    }
    if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.type == ZYDIS_MEMOP_TYPE_AGEN) {
        if (const auto slot = slot_of(state, operand)) return stack_address(slot->first, slot->second);
        const bool is_fixed = operand.mem.base == ZYDIS_REGISTER_RIP || operand.mem.base == ZYDIS_REGISTER_NONE;
        const auto address = is_fixed ? address_of(state, decoded, operand) : std::nullopt;
        if (address) return constant(static_cast<std::int64_t>(*address));
        return {};
    }
    if (is_memory(operand)) {
        if (const auto slot = slot_of(state, operand)) return state.load(slot->first, slot->second);
    }
    return {};
}

void Interpreter::write(EntryState& state, const ZydisDecodedOperand& operand, const Value& value) {
    if (const auto number = register_of(operand)) {
        auto& target = state.registers[*number];
        auto result = operand.size < 32 ? narrow(target, operand, value) : value;
        if (operand.size == 32 && value.is(Kind::constant)) {
            result = constant(static_cast<std::int64_t>(static_cast<std::uint32_t>(value.number)));
        } else if (operand.size < word_ * 8 && value.is(Kind::interrupted)) {
            result = {};
        }
        if (*number == rsp_number) return move_stack(state, result);
        target = result;
        return;
    }
    if (const auto segment = segment_of(operand)) {
        if (word_ == 8) {
            if (*segment == Segment::gs) state.gs = Owner::unknown;  // the load also sets the base
            return;
        }
        // A selector in the code is one of the kernel's; 0 is the null segment.
        const bool is_own = (value.is(Kind::constant) && value.number != 0) || value == own_selector;
        if (is_own) facts_.loads_segments = true;
        state.segment(*segment) = is_own ? Owner::kernel : value.is(Kind::segment) ? value.owner : Owner::unknown;
        return;
    }
    if (!is_memory(operand)) return;
    const auto slot = slot_of(state, operand);
    if (!slot) return;
    // A word that is only partly written is not known any more.
    const auto size = static_cast<std::int64_t>(operand.size / 8);
    for (auto offset = slot->second - word_ + 1; offset < slot->second + size; ++offset)
        state.store(slot->first, offset, {});
    if (size == word_) state.store(slot->first, slot->second, value);
}

void Interpreter::execute(EntryState& state, const Decoded& decoded, Operands operands, const Accuse& accuse) {
    check_accesses(state, decoded, operands, accuse);
    if (decoded.instruction.mnemonic == ZYDIS_MNEMONIC_SWAPGS && state.interrupts == FlagState::set)
        accuse(Rule::swapgs_with_interrupts, "executes SWAPGS with interrupts on");
    const auto alternative = alternatives_.find(decoded.address);
    if (alternative != alternatives_.end()) {
        if (alternative->second.has_lfence) state.has_conditional_gs = false;
        if (alternative->second.has_verw) state.has_verw = true;
        if (alternative->second.has_clac) state.alignment = FlagState::unknown;
    }
    compare(state, decoded, operands);
    const bool is_known = execute_gs(state, decoded, operands) || execute_system(state, decoded, operands) ||
                          execute_stack(state, decoded, operands, accuse) || execute_data(state, decoded, operands) ||
                          execute_arithmetic(state, decoded, operands);
    if (!is_known) forget_results(state, decoded, operands);
}

bool Interpreter::execute_gs(EntryState& state, const Decoded& decoded, Operands operands) {
    switch (decoded.instruction.mnemonic) {
        case ZYDIS_MNEMONIC_SWAPGS:
            facts_.changes_gs = true;
            state.gs = other(state.gs);
            return true;
        case ZYDIS_MNEMONIC_RDGSBASE:
            write(state, operands[0], operands[0].size == 64 ? owned(Kind::gs_base, state.gs) : Value{});
            return true;
        case ZYDIS_MNEMONIC_WRGSBASE: {
            facts_.changes_gs = true;
            const auto value = read(state, decoded, operands[0]);
            state.gs = value.is(Kind::gs_base) ? value.owner : Owner::unknown;
            // A kernel's addresses are negative.
            if (value.is(Kind::constant) && value.number < 0) state.gs = Owner::kernel;
            return true;
        }
        case ZYDIS_MNEMONIC_RDMSR: {
            const bool is_gs = state.registers[rcx_number] == constant(msr_gs_base);
            state.registers[rax_number] = {};
            state.registers[rdx_number] = is_gs ? owned(Kind::gs_base_high, state.gs) : Value{};
            return true;
        }
        case ZYDIS_MNEMONIC_WRMSR: {
            const auto& msr = state.registers[rcx_number];
            const bool is_other =
                msr.is(Kind::constant) && msr.number != msr_gs_base && msr.number != msr_kernel_gs_base;
            if (!is_other) facts_.changes_gs = true;
            const auto& high = state.registers[rdx_number];
            if (msr == constant(msr_gs_base) && high.is(Kind::gs_base_high)) {
                state.gs = high.owner;
            } else if (!is_other) {
                state.gs = Owner::unknown;
            }
            state.has_conditional_gs = false;
            note_barriers(state);
            return true;
        }
        default:
            return false;
    }
}

/// Notes a write of the MSRs that control speculation. IBPB is bit 0 of PRED_CMD.
void Interpreter::note_barriers(EntryState& state) {
    const auto& msr = state.registers[rcx_number];
    const auto& low = state.registers[rax_number];
    if (msr == constant(msr_spec_ctrl)) state.has_spec_ctrl = true;
    const bool is_without_ibpb = low.is(Kind::constant) && (low.number & 1) == 0;
    if (msr == constant(msr_pred_cmd) && !is_without_ibpb) state.has_ibpb = true;
}

bool Interpreter::execute_system(EntryState& state, const Decoded& decoded, Operands operands) {
    switch (decoded.instruction.mnemonic) {
        case ZYDIS_MNEMONIC_CLI:
            state.interrupts = FlagState::clear;
            return true;
        case ZYDIS_MNEMONIC_STI:
            state.interrupts = FlagState::set;
            return true;
        case ZYDIS_MNEMONIC_CLD:
            state.direction = FlagState::clear;
            return true;
        case ZYDIS_MNEMONIC_STD:
            state.direction = FlagState::set;
            return true;
        case ZYDIS_MNEMONIC_CLAC:
        case ZYDIS_MNEMONIC_STAC:
            facts_.changes_ac = true;
            state.alignment = decoded.instruction.mnemonic == ZYDIS_MNEMONIC_CLAC ? FlagState::clear : FlagState::set;
            return true;
        case ZYDIS_MNEMONIC_LFENCE:
        case ZYDIS_MNEMONIC_SERIALIZE:
            state.has_conditional_gs = false;
            return true;
        case ZYDIS_MNEMONIC_VERW:
            state.has_verw = true;
            return true;
        case ZYDIS_MNEMONIC_MOV:
            break;
        default:
            return false;
    }
    if (!is_register(operands[0], ZYDIS_REGISTER_CR3)) return false;
    const auto value = read(state, decoded, operands[1]);
    const auto before = std::exchange(state.cr3, value.is(Kind::cr3) ? value.owner : Owner::unknown);
    // A write of the same page tables flushes the TLB, and one of others may be a switch of tasks.
    if (is_known(state.cr3) && state.cr3 != before) facts_.switches_cr3 = true;
    state.has_conditional_gs = false;
    return true;
}

bool Interpreter::execute_data(EntryState& state, const Decoded& decoded, Operands operands) {
    switch (decoded.instruction.mnemonic) {
        case ZYDIS_MNEMONIC_MOV:
            write(state, operands[0], is_whole_move(operands) ? read(state, decoded, operands[1]) : Value{});
            return true;
        case ZYDIS_MNEMONIC_MOVZX: {
            const auto value = read(state, decoded, operands[1]);
            write(state, operands[0], value.is(Kind::selector) ? value : Value{});
            return true;
        }
        case ZYDIS_MNEMONIC_LEA:
            write(state, operands[0], operands[0].size == word_ * 8 ? read(state, decoded, operands[1]) : Value{});
            return true;
        case ZYDIS_MNEMONIC_SETZ:
        case ZYDIS_MNEMONIC_SETNZ:
        case ZYDIS_MNEMONIC_SETS:
        case ZYDIS_MNEMONIC_SETNS: {
            const bool is_of_zero = decoded.instruction.mnemonic == ZYDIS_MNEMONIC_SETZ ||
                                    decoded.instruction.mnemonic == ZYDIS_MNEMONIC_SETNZ;
            const bool is_negated = decoded.instruction.mnemonic == ZYDIS_MNEMONIC_SETNZ ||
                                    decoded.instruction.mnemonic == ZYDIS_MNEMONIC_SETNS;
            const auto flag = is_of_zero ? state.comparison.zero : state.comparison.sign;
            write(state, operands[0], flag ? constant(*flag != is_negated ? 1 : 0) : Value{});
            return true;
        }
        default:
            return false;
    }
}

bool Interpreter::execute_arithmetic(EntryState& state, const Decoded& decoded, Operands operands) {
    const auto value = read(state, decoded, operands[0]);
    const bool has_constant = is_immediate(operands[1]);
    const auto number = has_constant ? immediate(operands[1]) : 0;
    switch (decoded.instruction.mnemonic) {
        case ZYDIS_MNEMONIC_ADD:
            write(state, operands[0], has_constant ? sum(value, number) : Value{});
            return true;
        case ZYDIS_MNEMONIC_SUB:
            if (has_constant || value.is(Kind::rip)) {
                write(state, operands[0], has_constant ? sum(value, -number) : value);
            } else {
                subtract_unknown(state, operands[0]);
            }
            return true;
        case ZYDIS_MNEMONIC_INC:
            write(state, operands[0], sum(value, 1));
            return true;
        case ZYDIS_MNEMONIC_DEC:
            write(state, operands[0], sum(value, -1));
            return true;
        case ZYDIS_MNEMONIC_XOR: {
            const bool clears = operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                                is_register(operands[1], operands[0].reg.value) && operands[0].size >= 32;
            write(state, operands[0], clears ? constant(0) : Value{});
            return true;
        }
        case ZYDIS_MNEMONIC_AND:
            if (value.is(Kind::cr3) && has_constant) {
                write(state, operands[0], with_changed_bits(value, ~number, Owner::kernel));
                return true;
            }
            if (value.is(Kind::selector) && has_constant && (static_cast<std::uint64_t>(number) == privilege_bits)) {
                write(state, operands[0], constant(value.owner == Owner::user ? 3 : 0));
                return true;
            }
            // The upper half of the word is no part of the selector. Code keeps marks of its own there.
            if (value.is(Kind::selector) && has_constant && (number & 0xffff) == 0xffff) {
                auto marked = value;
                if (static_cast<std::uint32_t>(number) == 0xffff) marked.number = 1;
                write(state, operands[0], marked);
                return true;
            }
            if (value.is(Kind::mixed) && static_cast<std::uint64_t>(number) == vm_and_privilege) {
                write(state, operands[0], owned(Kind::privilege, value.owner));
                return true;
            }
            return false;
        case ZYDIS_MNEMONIC_OR:
            if (value.is(Kind::selector) && has_constant && (number & 0xffff) == 0) {
                auto marked = value;
                marked.number = 0;
                write(state, operands[0], marked);
                return true;
            }
            if (!value.is(Kind::cr3) || !has_constant) return false;
            write(state, operands[0], with_changed_bits(value, number, Owner::user));
            return true;
        // Bit 63 only says that the TLB need not be flushed.
        case ZYDIS_MNEMONIC_BTS:
            if (!value.is(Kind::cr3) || !has_constant || (number & 63) != 63) return false;
            return true;
        default:
            return false;
    }
}

void Interpreter::forget_results(EntryState& state, const Decoded& decoded, Operands operands) {
    for (std::size_t i = 0; i < decoded.instruction.operand_count; ++i) {
        const auto& operand = operands[i];
        if (is_written(operand)) write(state, operand, {});
    }
    if (decoded.instruction.mnemonic == ZYDIS_MNEMONIC_CPUID) state.has_conditional_gs = false;
}

}  // namespace gatecrash::check
