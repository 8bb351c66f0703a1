#pragma once

#include "vm/boot/image.hpp"

namespace gatecrash::vm {

/// Says which instructions a guest has. Its text is read-only, so the harness need not read again after each run what
/// the guest has no instruction to change.
struct Abilities {
    bool uses_debug_registers = false;  ///< MOV from or to a debug register
    bool writes_dr7 = false;            ///< MOV to DR7
    bool leaves_page_tables = false;    ///< MOV to a control register
    bool loads_cr4 = false;             ///< MOV to CR4, which turns on features of the CPU
    bool writes_msrs = false;           ///< WRMSR
    bool swaps_gs = false;              ///< SWAPGS
    bool changes_task_register = true;  ///< LTR, or a task switch, which only 32-bit guests have
};

[[nodiscard]] Abilities abilities_of(const Image& image);

}  // namespace gatecrash::vm
