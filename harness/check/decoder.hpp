// Decodes the instructions of checked code (Zydis). Only the sources of this folder include it.
#pragma once

#include <Zydis/Zydis.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace gatecrash::check {

/// How control goes on after an instruction.
enum class Flow : std::uint8_t {
    next,
    jump,
    conditional_jump,
    call,
    indirect_jump,
    indirect_call,
    leave,       ///< RET, and returns to other code: IRET, SYSRET, SYSEXIT
    stop,        ///< UD2, and ERETS and ERETU, for which the CPU has set GS; HLT in a loop is not one
    breakpoint,  ///< INT3, which continues after its handler
};

struct Decoded {
    ZydisDecodedInstruction instruction;
    std::uint64_t address = 0;
    Flow flow = Flow::next;
    std::uint64_t target = 0;  ///< of a jump, conditional_jump or call

    [[nodiscard]] std::uint64_t next() const { return address + instruction.length; }
};

class Decoder {
  public:
    /// `bits` is 32 or 64.
    explicit Decoder(unsigned bits);

    /// Decodes the instruction at the beginning of `code`; empty if the bytes are none.
    [[nodiscard]] std::optional<Decoded> decode(std::span<const std::byte> code, std::uint64_t address) const;
    /// The same, with its operands.
    [[nodiscard]] std::optional<Decoded> decode(std::span<const std::byte> code, std::uint64_t address,
                                                ZydisDecodedOperand (&operands)[ZYDIS_MAX_OPERAND_COUNT]) const;

  private:
    void classify(Decoded& decoded) const;

    ZydisDecoder decoder_{};
    std::uint64_t address_mask_;
};

}  // namespace gatecrash::check
