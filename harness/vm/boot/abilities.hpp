#pragma once

#include "vm/boot/image.hpp"

namespace gatecrash::vm {

/// The instructions that a guest has. What it cannot change is not read again after each run: its text is read-only.
struct Abilities {
    bool uses_debug_registers = false;  ///< MOV from or to one
    bool writes_dr7 = false;            ///< MOV to DR7
    bool leaves_page_tables = false;    ///< MOV to a control register
    bool writes_msrs = false;           ///< WRMSR
    bool swaps_gs = false;              ///< SWAPGS
    bool changes_task_register = true;  ///< LTR, or a task switch, which only 32-bit guests have
};

[[nodiscard]] Abilities abilities_of(const Image& image);

}  // namespace gatecrash::vm
