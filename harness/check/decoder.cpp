#include "check/decoder.hpp"

#include <algorithm>
#include <array>

namespace gatecrash::check {
namespace {

/// True for ERETS and ERETU, which Zydis 4 does not know. (Intel, Flexible Return and Event Delivery specification, 7.)
bool is_fred_return(std::span<const std::byte> code) {
    constexpr std::array<std::byte, 3> rest{std::byte{0x0f}, std::byte{0x01}, std::byte{0xca}};
    return code.size() > rest.size() && (code[0] == std::byte{0xf2} || code[0] == std::byte{0xf3}) &&
           std::ranges::equal(code.subspan(1, rest.size()), rest);
}

/// Returns what is known of an instruction that Zydis does not decode.
std::optional<Decoded> decode_fred_return(const ZydisDecoder& decoder, std::span<const std::byte> code,
                                          std::uint64_t address) {
    if (decoder.machine_mode != ZYDIS_MACHINE_MODE_LONG_64 || !is_fred_return(code)) return std::nullopt;
    Decoded decoded{.instruction = {}, .address = address, .flow = Flow::stop};
    decoded.instruction.length = 4;
    return decoded;
}

}  // namespace

Decoder::Decoder(unsigned bits) : address_mask_(bits == 64 ? ~std::uint64_t{0} : 0xffffffff) {
    if (bits == 64) {
        ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    } else {
        ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    }
}

std::optional<Decoded> Decoder::decode(std::span<const std::byte> code, std::uint64_t address) const {
    Decoded decoded{.instruction = {}, .address = address};
    if (!ZYAN_SUCCESS(
            ZydisDecoderDecodeInstruction(&decoder_, nullptr, code.data(), code.size(), &decoded.instruction))) {
        return decode_fred_return(decoder_, code, address);
    }
    classify(decoded);
    return decoded;
}

std::optional<Decoded> Decoder::decode(std::span<const std::byte> code, std::uint64_t address,
                                       ZydisDecodedOperand (&operands)[ZYDIS_MAX_OPERAND_COUNT]) const {
    Decoded decoded{.instruction = {}, .address = address};
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_, code.data(), code.size(), &decoded.instruction, operands))) {
        return decode_fred_return(decoder_, code, address);
    }
    classify(decoded);
    return decoded;
}

void Decoder::classify(Decoded& decoded) const {
    const auto& instruction = decoded.instruction;
    const bool is_direct = instruction.raw.imm[0].is_relative == ZYAN_TRUE;
    if (is_direct) {
        decoded.target = (decoded.next() + static_cast<std::uint64_t>(instruction.raw.imm[0].value.s)) & address_mask_;
    }
    switch (instruction.meta.category) {
        case ZYDIS_CATEGORY_CALL:
            decoded.flow = is_direct ? Flow::call : Flow::indirect_call;
            return;
        case ZYDIS_CATEGORY_UNCOND_BR:
            decoded.flow = is_direct ? Flow::jump : Flow::indirect_jump;
            return;
        case ZYDIS_CATEGORY_COND_BR:
            decoded.flow = is_direct ? Flow::conditional_jump : Flow::next;
            return;
        case ZYDIS_CATEGORY_RET:
        case ZYDIS_CATEGORY_SYSRET:
            decoded.flow = Flow::leave;
            return;
        default:
            break;
    }
    switch (instruction.mnemonic) {
        case ZYDIS_MNEMONIC_IRET:
        case ZYDIS_MNEMONIC_IRETD:
        case ZYDIS_MNEMONIC_IRETQ:
        case ZYDIS_MNEMONIC_SYSRET:
        case ZYDIS_MNEMONIC_SYSEXIT:
            decoded.flow = Flow::leave;
            return;
        case ZYDIS_MNEMONIC_UD2:
            decoded.flow = Flow::stop;
            return;
        case ZYDIS_MNEMONIC_INT3:
            decoded.flow = Flow::breakpoint;
            return;
        default:
            return;
    }
}

}  // namespace gatecrash::check
