// Checks what entry code accesses, calls and returns to.
#include "check/interpreter.hpp"
#include "check/operands.hpp"

namespace gatecrash::check {
namespace {

/// True if an access to a memory operand can fault. That of NOP and PREFETCH cannot, and INVLPG only takes the address.
bool accesses_memory(const ZydisDecodedInstruction& instruction) {
    switch (instruction.meta.category) {
        case ZYDIS_CATEGORY_NOP:
        case ZYDIS_CATEGORY_PREFETCH:
        case ZYDIS_CATEGORY_WIDENOP:
            return false;
        default:
            return instruction.mnemonic != ZYDIS_MNEMONIC_INVLPG;
    }
}

}  // namespace

std::optional<std::uint64_t> Interpreter::address_of(const EntryState& state, const Decoded& decoded,
                                                     const ZydisDecodedOperand& operand) const {
    const auto& memory = operand.mem;
    const bool has_own_base = memory.segment == ZYDIS_REGISTER_FS || memory.segment == ZYDIS_REGISTER_GS;
    if (has_own_base || memory.index != ZYDIS_REGISTER_NONE) return std::nullopt;
    const auto offset = static_cast<std::uint64_t>(memory.disp.has_displacement == ZYAN_TRUE ? memory.disp.value : 0);
    const std::uint64_t mask = word_ == 8 ? ~std::uint64_t{0} : 0xffffffff;
    if (memory.base == ZYDIS_REGISTER_RIP) return decoded.next() + offset;
    if (memory.base == ZYDIS_REGISTER_NONE) return offset & mask;
    const auto base = register_of(memory.base);
    if (!base || !state.registers[*base].is(Value::Kind::constant)) return std::nullopt;
    return (static_cast<std::uint64_t>(state.registers[*base].number) + offset) & mask;
}

void Interpreter::check_accesses(const EntryState& state, const Decoded& decoded, Operands operands,
                                 const Accuse& accuse) const {
    for (std::size_t i = 0; i < decoded.instruction.operand_count; ++i) {
        const auto& operand = operands[i];
        if (!is_memory(operand) || !accesses_memory(decoded.instruction)) continue;
        const auto segment = segment_of(operand.mem.segment);
        if (segment && state.segment(*segment) == Owner::user)
            accuse(Rule::user_segment_access, "accesses memory through the user's segment");
        const auto address = address_of(state, decoded, operand);
        if (state.cr3 == Owner::user && address && map_.file().is_kernels_own(*address))
            accuse(Rule::user_cr3_access, "accesses " + map_.file().name_of(*address) + " with the user's CR3");
        if (operand.mem.segment == ZYDIS_REGISTER_GS) {
            if (state.gs == Owner::user) accuse(Rule::user_gs_access, "accesses per-CPU data with the user's GS base");
            if (state.has_conditional_gs && policy_.needs_swapgs_fence)
                accuse(Rule::swapgs_without_fence, "accesses per-CPU data before a fence after the conditional SWAPGS");
        }
        const bool is_read = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0;
        const bool is_of_stack = register_of(operand.mem.base) == rsp_number;
        if (policy_.needs_verw && state.has_verw && is_read && !is_of_stack &&
            decoded.instruction.mnemonic != ZYDIS_MNEMONIC_VERW) {
            accuse(Rule::load_after_verw, "loads data after VERW");
        }
    }
}

void Interpreter::call_outside(EntryState& state, bool is_direct, const Accuse& accuse) const {
    if (is_direct) {
        if (state.gs == Owner::user) accuse(Rule::user_gs_call, "calls a function with the user's GS base");
        if (state.segment(Segment::ds) == Owner::user || state.segment(Segment::es) == Owner::user)
            accuse(Rule::user_segment_call, "calls a function with the user's DS or ES");
        if (state.cr3 == Owner::user) accuse(Rule::user_cr3_call, "calls a function with the user's CR3");
        if (state.direction == FlagState::interrupted)
            accuse(Rule::interrupted_df, "calls a function with DF of the interrupted code");
        if (state.alignment == FlagState::interrupted)
            accuse(Rule::interrupted_ac, "calls a function with AC of the interrupted code");
        if (state.has_conditional_gs && policy_.needs_swapgs_fence)
            accuse(Rule::swapgs_without_fence, "calls a function before a fence after the conditional SWAPGS");
    }
    state.forget_for_call(map_.file().bits);
}

void Interpreter::return_from_entry(const EntryState& state, const Decoded& decoded, const Accuse& accuse) const {
    const auto mnemonic = decoded.instruction.mnemonic;
    if (mnemonic == ZYDIS_MNEMONIC_IRET) return;  // pops words of 16 bits, which are not followed
    const bool is_iret = mnemonic == ZYDIS_MNEMONIC_IRETQ || mnemonic == ZYDIS_MNEMONIC_IRETD;
    auto to = Owner::user;
    bool is_own_frame = false;
    if (is_iret) {
        const auto cs = state.load(state.rsp().base, state.rsp().number + (mnemonic == ZYDIS_MNEMONIC_IRETQ ? 8 : 4));
        to = cs.is(Value::Kind::selector) ? cs.owner : Owner::unknown;
        if (cs.is(Value::Kind::constant))
            to = (static_cast<std::uint64_t>(cs.number) & privilege_bits) != 0 ? Owner::user : Owner::kernel;
        is_own_frame = cs.is(Value::Kind::selector) && cs.base == entry_stack;
    }
    if (to == Owner::user) {
        if (state.gs == Owner::kernel) accuse(Rule::wrong_gs_return, "returns to CPL 3 with the kernel's GS base");
        if (state.cr3 == Owner::kernel) accuse(Rule::wrong_cr3_return, "returns to CPL 3 with the kernel's CR3");
        if (policy_.needs_verw && !state.has_verw) accuse(Rule::missing_verw, "returns to CPL 3 without VERW");
        if (policy_.needs_ibpb && !state.has_ibpb) accuse(Rule::missing_ibpb, "returns to CPL 3 without IBPB");
        if (policy_.needs_spec_ctrl && !state.has_spec_ctrl)
            accuse(Rule::missing_spec_ctrl, "returns to CPL 3 without a write of SPEC_CTRL");
        return;
    }
    if (to != Owner::kernel || !is_own_frame) return;
    if (state.gs != state.interrupted_gs && is_known(state.gs) && is_known(state.interrupted_gs))
        accuse(Rule::wrong_gs_return, "returns to CPL 0 with another GS base than the interrupted one");
    if (state.cr3 != state.interrupted_cr3 && is_known(state.cr3) && is_known(state.interrupted_cr3))
        accuse(Rule::wrong_cr3_return, "returns to CPL 0 with another CR3 than the interrupted one");
}

}  // namespace gatecrash::check
