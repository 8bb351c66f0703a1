#pragma once

#include <cstddef>

#include "vm/boot/image.hpp"

namespace gatecrash::qualify {

/// Makes a guest that is hard to step: it pushes flags, raises an exception, goes to user code and back, and executes
/// SYSCALL and SYSRET.
[[nodiscard]] vm::Image guest_to_step();

/// The number of instructions that the guest executes, counted by hand. The terms are JMP, three WRMSR, PUSHF to INT3,
/// the handler of #BP, and the way to user code. Then come INT, its handler, SYSCALL, its entry, and the rest.
constexpr std::size_t instructions_to_step = 1 + (4 + 4 + 4) + 3 + 3 + 6 + 1 + 3 + 1 + 3 + 3;

}  // namespace gatecrash::qualify
