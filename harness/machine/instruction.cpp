#include "gatecrash/machine/instruction.hpp"

#include <Zydis/Zydis.h>

namespace gatecrash::machine {
namespace {

struct Decoded {
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

std::optional<Decoded> zydis_decode(std::span<const std::byte> code) {
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    Decoded decoded;
    if (!ZYAN_SUCCESS(
            ZydisDecoderDecodeFull(&decoder, code.data(), code.size(), &decoded.instruction, decoded.operands))) {
        return std::nullopt;
    }
    return decoded;
}

bool writes_ss(const Decoded& decoded) {
    return decoded.instruction.operand_count_visible > 0 && decoded.operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
           decoded.operands[0].reg.value == ZYDIS_REGISTER_SS;
}

Kind kind_of(const Decoded& decoded) {
    constexpr auto repeat = ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
    if ((decoded.instruction.attributes & repeat) != 0) return Kind::repeated_string;
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

std::optional<Instruction> decode(std::span<const std::byte> code, Virtual address) {
    const auto decoded = zydis_decode(code);
    if (!decoded) return std::nullopt;
    Instruction result{decoded->instruction.length, kind_of(*decoded), std::nullopt};
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

std::string disassemble(std::span<const std::byte> code, Virtual address) {
    const auto decoded = zydis_decode(code);
    if (!decoded) return "(bad)";
    ZydisFormatter formatter;
    ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
    char text[128];
    if (!ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &decoded->instruction, decoded->operands,
                                                      decoded->instruction.operand_count_visible, text, sizeof text,
                                                      number(address), nullptr))) {
        return "(bad)";
    }
    return text;
}

}  // namespace gatecrash::machine
