#pragma once

#include <cstdint>

#include "bench/entry_path.hpp"
#include "vm/boot/guest_code.hpp"

namespace gatecrash::bench {

/// The layout of a kernel's per-CPU data: offsets from the GS base, or in legacy mode from the FS base.
struct PerCpu {
    enum Offset : std::uint8_t { task_stack = 0, user_rsp = 8, context = 16, work = 24, selector = 32 };
};
constexpr unsigned kernel_context = 0, user_context = 1;

/// Lengths in bytes of the instructions that raise #PF and #UD. The handler skips them.
constexpr unsigned absent_read_length = 3, ud2_length = 2;

/// Emits what executes between the entering instruction and the instruction after it, and puts `entry` on the first
/// instruction of that. It adds to the code that `guest.kernel` has already.
void emit_entry(vm::GuestCode& guest, const Composition& composition, Xbyak::Label& entry);

}  // namespace gatecrash::bench
