#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "vm/instruction.hpp"

namespace gatecrash::vm {

enum class Syntax : std::uint8_t { intel, att };

/// An address that an instruction contains: the target of a branch, or an operand without registers.
struct NamedAddress {
    Virtual address;
    bool is_per_cpu;  ///< relative to the base of FS or GS
};
/// Returns the name of an address. An empty name leaves the number in the text.
using NameAddress = std::function<std::string(const NamedAddress&)>;

/// Returns the first instruction of `code`, which is at `address`, for people; "(bad)" if the bytes are no instruction.
[[nodiscard]] std::string disassemble(std::span<const std::byte> code, Virtual address,
                                      CodeSize size = CodeSize::bits64, Syntax syntax = Syntax::intel,
                                      const NameAddress& name = {});

}  // namespace gatecrash::vm
