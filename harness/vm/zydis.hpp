// The decoder of this folder's files. Nothing else includes it: Zydis.h is heavy.
#pragma once

#include <Zydis/Zydis.h>

#include <cstddef>
#include <optional>
#include <span>

#include "vm/instruction.hpp"

namespace gatecrash::vm {

struct Decoded {
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

/// Returns the first instruction of `code`. Empty if the bytes are no instruction.
[[nodiscard]] std::optional<Decoded> zydis_decode(std::span<const std::byte> code, CodeSize size);

}  // namespace gatecrash::vm
