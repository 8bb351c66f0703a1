#include "vm/disassembly.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "vm/zydis.hpp"

namespace gatecrash::vm {
namespace {

/// True if the instruction has an operand in memory that is relative to the base of FS or GS.
bool is_per_cpu(const Decoded& decoded) {
    return std::any_of(
        std::begin(decoded.operands), std::begin(decoded.operands) + decoded.instruction.operand_count,
        [](const ZydisDecodedOperand& operand) {
            return operand.type == ZYDIS_OPERAND_TYPE_MEMORY &&
                   (operand.mem.segment == ZYDIS_REGISTER_FS || operand.mem.segment == ZYDIS_REGISTER_GS);
        });
}

/// Joins the tokens. An address becomes its name, if it has one.
std::string joined(const ZydisFormatterToken* token, const Decoded& decoded, const NameAddress& name) {
    std::string text;
    ZydisTokenType type{};
    ZyanConstCharPointer value = nullptr;
    while (ZYAN_SUCCESS(ZydisFormatterTokenGetValue(token, &type, &value))) {
        std::string named;
        if (type == ZYDIS_TOKEN_ADDRESS_ABS && name)
            named = name({Virtual{std::stoull(value, nullptr, 16)}, is_per_cpu(decoded)});
        text += named.empty() ? value : named;
        if (!ZYAN_SUCCESS(ZydisFormatterTokenNext(&token))) break;
    }
    return text;
}

/// Numbers look as in the rest of a trace: lower case, without leading zeros and signs.
void write_plain_numbers(ZydisFormatter& formatter) {
    for (const auto& [property, value] :
         {std::pair{ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZyanUPointer{ZYAN_FALSE}},
          std::pair{ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, ZyanUPointer{ZYDIS_PADDING_DISABLED}},
          std::pair{ZYDIS_FORMATTER_PROP_DISP_PADDING, ZyanUPointer{ZYDIS_PADDING_DISABLED}},
          std::pair{ZYDIS_FORMATTER_PROP_IMM_PADDING, ZyanUPointer{ZYDIS_PADDING_DISABLED}},
          std::pair{ZYDIS_FORMATTER_PROP_IMM_SIGNEDNESS, ZyanUPointer{ZYDIS_SIGNEDNESS_UNSIGNED}}}) {
        ZydisFormatterSetProperty(&formatter, property, value);
    }
}

}  // namespace

std::string disassemble(std::span<const std::byte> code, Virtual address, CodeSize size, Syntax syntax,
                        const NameAddress& name) {
    const auto decoded = zydis_decode(code, size);
    if (!decoded) return "(bad)";
    ZydisFormatter formatter;
    ZydisFormatterInit(&formatter, syntax == Syntax::att ? ZYDIS_FORMATTER_STYLE_ATT : ZYDIS_FORMATTER_STYLE_INTEL);
    write_plain_numbers(formatter);
    char buffer[256];
    const ZydisFormatterToken* token = nullptr;
    if (!ZYAN_SUCCESS(ZydisFormatterTokenizeInstruction(&formatter, &decoded->instruction, decoded->operands,
                                                        decoded->instruction.operand_count_visible, buffer,
                                                        sizeof buffer, number(address), &token, nullptr))) {
        return "(bad)";
    }
    return joined(token, *decoded, name);
}

}  // namespace gatecrash::vm
