#pragma once

#include <cstddef>

#include "vm/boot/image.hpp"

namespace gatecrash::qualify {

/// A guest with what is hard to step: flags that are pushed, an exception, a way to user code and back, SYSCALL and
/// SYSRET.
[[nodiscard]] vm::Image guest_to_step();

/// What it executes, counted by hand: JMP, three WRMSR, PUSHF to INT3, the handler of #BP, the way to user code, INT,
/// its handler, SYSCALL, its entry, and the rest.
constexpr std::size_t instructions_to_step = 1 + (4 + 4 + 4) + 3 + 3 + 6 + 1 + 3 + 1 + 3 + 3;

}  // namespace gatecrash::qualify
