#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "sweep/outcome_map.hpp"
#include "vm/boot/image.hpp"
#include "vm/instruction.hpp"

namespace gatecrash::sweep {

/// Returns the code at an address, up to vm::Instruction::max_length bytes.
using CodeAt = std::function<std::vector<std::byte>(vm::Virtual)>;

/// Returns the instructions of the ranges, without what fills the gap before a symbol: INT3 and NOP. A range ends early
/// at bytes that are no instruction.
[[nodiscard]] std::vector<MapPlace> code_places(std::span<const vm::ProtectedCode::Range> ranges,
                                                const vm::SymbolTable& symbols, vm::CodeSize size,
                                                const CodeAt& code_at);

}  // namespace gatecrash::sweep
