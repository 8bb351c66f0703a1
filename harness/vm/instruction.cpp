#include "vm/instruction.hpp"

#include <algorithm>

#include "vm/zydis.hpp"

namespace gatecrash::vm {
namespace {

bool writes_ss(const Decoded& decoded) {
    return decoded.instruction.operand_count_visible > 0 && decoded.operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
           decoded.operands[0].reg.value == ZYDIS_REGISTER_SS;
}

bool is_branch(const Decoded& decoded) {
    const auto category = decoded.instruction.meta.category;
    // A far jump sets the accessed bit of a descriptor, or switches tasks.
    return (category == ZYDIS_CATEGORY_COND_BR || category == ZYDIS_CATEGORY_UNCOND_BR) &&
           decoded.instruction.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR;
}

/// True if the instruction does nothing but compute and move data.
bool is_plain(const Decoded& decoded) {
    switch (decoded.instruction.meta.category) {
        case ZYDIS_CATEGORY_BINARY:
        case ZYDIS_CATEGORY_BITBYTE:
        case ZYDIS_CATEGORY_CMOV:
        case ZYDIS_CATEGORY_DATAXFER:
        case ZYDIS_CATEGORY_FLAGOP:
        case ZYDIS_CATEGORY_LOGICAL:
        case ZYDIS_CATEGORY_MISC:
        case ZYDIS_CATEGORY_NOP:
        case ZYDIS_CATEGORY_POP:
        case ZYDIS_CATEGORY_PUSH:
        case ZYDIS_CATEGORY_ROTATE:
        case ZYDIS_CATEGORY_SETCC:
        case ZYDIS_CATEGORY_SHIFT:
        case ZYDIS_CATEGORY_WIDENOP:
            break;
        default:
            return false;
    }
    const auto mnemonic = decoded.instruction.mnemonic;
    return mnemonic != ZYDIS_MNEMONIC_UD0 && mnemonic != ZYDIS_MNEMONIC_UD1 && mnemonic != ZYDIS_MNEMONIC_UD2;
}

bool uses_segment_register(const Decoded& decoded) {
    return std::any_of(decoded.operands, decoded.operands + decoded.instruction.operand_count, [](const auto& operand) {
        return operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
               ZydisRegisterGetClass(operand.reg.value) == ZYDIS_REGCLASS_SEGMENT;
    });
}

/// Returns false only if the instruction certainly writes no memory. Zydis lists its own writes, such as the push of a
/// CALL, but not what the CPU writes into descriptor tables and frames. So system instructions count as writing, and
/// the load of a segment register, which sets the accessed bit of a descriptor.
bool writes_memory(const Decoded& decoded) {
    if (!is_branch(decoded) && !is_plain(decoded)) return true;
    if (uses_segment_register(decoded)) return true;
    return std::any_of(decoded.operands, decoded.operands + decoded.instruction.operand_count, [](const auto& operand) {
        const bool is_write = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
        return operand.type == ZYDIS_OPERAND_TYPE_MEMORY && is_write;
    });
}

bool writes_debug_register(const Decoded& decoded) {
    const auto& operand = decoded.operands[0];
    return decoded.instruction.operand_count_visible > 0 && operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
           ZydisRegisterGetClass(operand.reg.value) == ZYDIS_REGCLASS_DEBUG;
}

/// Returns the base of a segment. In 64-bit mode only FS and GS have one.
std::uint64_t base_of(ZydisRegister segment, const kvm_sregs& sregs, CodeSize mode) {
    if (segment == ZYDIS_REGISTER_FS) return sregs.fs.base;
    if (segment == ZYDIS_REGISTER_GS) return sregs.gs.base;
    if (mode == CodeSize::bits64) return 0;
    if (segment == ZYDIS_REGISTER_CS) return sregs.cs.base;
    if (segment == ZYDIS_REGISTER_SS) return sregs.ss.base;
    return segment == ZYDIS_REGISTER_ES ? sregs.es.base : sregs.ds.base;
}

Kind kind_of(const Decoded& decoded) {
    constexpr auto repeat = ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
    // String input and output cause an exit for each repetition, so they do not count as repeated strings.
    const bool is_io = decoded.instruction.meta.category == ZYDIS_CATEGORY_IOSTRINGOP;
    if ((decoded.instruction.attributes & repeat) != 0) return is_io ? Kind::other : Kind::repeated_string;
    switch (decoded.instruction.mnemonic) {
        case ZYDIS_MNEMONIC_PUSHF:
        case ZYDIS_MNEMONIC_PUSHFD:
        case ZYDIS_MNEMONIC_PUSHFQ:
            return Kind::push_flags;
        case ZYDIS_MNEMONIC_POPF:
        case ZYDIS_MNEMONIC_POPFD:
        case ZYDIS_MNEMONIC_POPFQ:
            return Kind::pop_flags;
        case ZYDIS_MNEMONIC_SYSCALL:
            return Kind::syscall;
        case ZYDIS_MNEMONIC_SYSRET:
            return Kind::sysret;
        case ZYDIS_MNEMONIC_IRET:
        case ZYDIS_MNEMONIC_IRETD:
        case ZYDIS_MNEMONIC_IRETQ:
            return Kind::iret;
        case ZYDIS_MNEMONIC_STI:
            return Kind::set_interrupts;
        case ZYDIS_MNEMONIC_HLT:
            return Kind::halt;
        case ZYDIS_MNEMONIC_INT1:
            return Kind::int1;
        case ZYDIS_MNEMONIC_OUT:
            return Kind::out;
        case ZYDIS_MNEMONIC_MOV:
        case ZYDIS_MNEMONIC_POP:
            return writes_ss(decoded) ? Kind::load_ss : Kind::other;
        default:
            return Kind::other;
    }
}

}  // namespace

std::optional<Decoded> zydis_decode(std::span<const std::byte> code, CodeSize size) {
    ZydisDecoder decoder;
    switch (size) {
        case CodeSize::bits64:
            ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
            break;
        case CodeSize::bits32:
            ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32);
            break;
        case CodeSize::bits16:
            ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_COMPAT_16, ZYDIS_STACK_WIDTH_16);
            break;
    }
    Decoded decoded;
    if (!ZYAN_SUCCESS(
            ZydisDecoderDecodeFull(&decoder, code.data(), code.size(), &decoded.instruction, decoded.operands))) {
        return std::nullopt;
    }
    return decoded;
}

std::optional<Instruction> decode(std::span<const std::byte> code, Virtual address, CodeSize size) {
    const auto decoded = zydis_decode(code, size);
    if (!decoded) return std::nullopt;
    Instruction result;
    result.length = decoded->instruction.length;
    result.kind = kind_of(*decoded);
    const auto mnemonic = decoded->instruction.mnemonic;
    result.writes_memory = writes_memory(*decoded);
    result.is_plain = is_plain(*decoded) && !uses_segment_register(*decoded);
    result.changes_msrs = mnemonic == ZYDIS_MNEMONIC_WRMSR || mnemonic == ZYDIS_MNEMONIC_SWAPGS;
    result.changes_debug_registers = writes_debug_register(*decoded);
    const auto& operand = decoded->operands[0];
    if (decoded->instruction.operand_count_visible > 0 && operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
        operand.imm.is_relative == ZYAN_TRUE) {
        ZyanU64 target = 0;
        ZydisCalcAbsoluteAddress(&decoded->instruction, &operand, number(address), &target);
        result.target = Virtual{target};
        if (target == number(address)) result.kind = Kind::branch_to_self;
    }
    return result;
}

std::vector<MemoryAccess> memory_accesses(std::span<const std::byte> code, Virtual address, const kvm_regs& regs,
                                          const kvm_sregs& sregs) {
    std::vector<MemoryAccess> accesses;
    const auto mode = code_size(sregs.cs);
    const auto decoded = zydis_decode(code, mode);
    if (!decoded) return accesses;
    auto context = ZydisRegisterContext{};
    const std::pair<ZydisRegister, std::uint64_t> values[] = {
        {ZYDIS_REGISTER_RAX, regs.rax}, {ZYDIS_REGISTER_RBX, regs.rbx}, {ZYDIS_REGISTER_RCX, regs.rcx},
        {ZYDIS_REGISTER_RDX, regs.rdx}, {ZYDIS_REGISTER_RSI, regs.rsi}, {ZYDIS_REGISTER_RDI, regs.rdi},
        {ZYDIS_REGISTER_RSP, regs.rsp}, {ZYDIS_REGISTER_RBP, regs.rbp}, {ZYDIS_REGISTER_R8, regs.r8},
        {ZYDIS_REGISTER_R9, regs.r9},   {ZYDIS_REGISTER_R10, regs.r10}, {ZYDIS_REGISTER_R11, regs.r11},
        {ZYDIS_REGISTER_R12, regs.r12}, {ZYDIS_REGISTER_R13, regs.r13}, {ZYDIS_REGISTER_R14, regs.r14},
        {ZYDIS_REGISTER_R15, regs.r15}};
    for (const auto& [name, value] : values) context.values[name] = value;
    for (int i = 0; i < decoded->instruction.operand_count; ++i) {
        const auto& operand = decoded->operands[i];
        if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.type != ZYDIS_MEMOP_TYPE_MEM) continue;
        ZyanU64 where = 0;
        if (!ZYAN_SUCCESS(
                ZydisCalcAbsoluteAddressEx(&decoded->instruction, &operand, number(address), &context, &where)))
            continue;
        where += base_of(operand.mem.segment, sregs, mode);
        if (mode != CodeSize::bits64) where &= 0xffffffff;
        const bool is_write = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
        std::uint64_t size = operand.size / 8U;
        // IRETQ pops five words, which Zydis does not say.
        if (kind_of(*decoded) == Kind::iret && mode == CodeSize::bits64) size = 5 * sizeof(std::uint64_t);
        const bool pushes =
            operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && is_write && operand.mem.base == ZYDIS_REGISTER_RSP;
        const bool is_visible = operand.visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT;
        const bool has_base = operand.mem.base != ZYDIS_REGISTER_NONE && operand.mem.base != ZYDIS_REGISTER_RIP;
        const bool is_used = decoded->instruction.mnemonic != ZYDIS_MNEMONIC_NOP;
        const bool is_computed = is_used && is_visible && (has_base || operand.mem.index != ZYDIS_REGISTER_NONE);
        accesses.push_back({pushes ? where - size : where, size, is_write, is_computed});
    }
    return accesses;
}

}  // namespace gatecrash::vm
