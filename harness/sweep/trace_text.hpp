// How traces look, whatever is traced.
#pragma once

#include <cstdint>
#include <string>

#include "vm/boot/image.hpp"

namespace gatecrash::sweep {

/// The columns of a trace before the instruction.
struct TraceColumns {
    std::uint64_t number;  ///< the line's number in the trace
    std::string place;
    unsigned cpl;
    std::string stack;
    bool masks_nmis, has_latched_nmi, has_interrupts_on;
    bool has_users_base, has_users_tables;  ///< otherwise the kernel's
};

/// Returns the line that explains the columns. `base` is the register of per-CPU data, "GS" or "FS".
[[nodiscard]] std::string trace_header(const char* base);
[[nodiscard]] std::string to_string(const TraceColumns& columns);

/// Adds the name of a branch target to a disassembled instruction, as in "jz 0xFFFFFFFF800128AA (nmi_from_kernel)".
[[nodiscard]] std::string with_target(const vm::SymbolTable& symbols, std::string text);

}  // namespace gatecrash::sweep
