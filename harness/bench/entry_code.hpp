#pragma once

#include <cstdint>

#include "bench/entry_path.hpp"
#include "vm/boot/guest_code.hpp"

namespace gatecrash::bench {

/// What a kernel has in its per-CPU data, by offset from the GS base, or in legacy mode the FS base.
struct PerCpu {
    enum Offset : std::uint8_t { task_stack = 0, user_rsp = 8, context = 16, work = 24, selector = 32 };
};
constexpr unsigned kernel_context = 0, user_context = 1;

/// Bytes of the instructions that raise #PF and #UD, which the handler skips.
constexpr unsigned absent_read_length = 3, ud2_length = 2;

/// What executes between the entering instruction and being back behind it, with `entry` on its first instruction:
/// behind what `guest.kernel` has already.
void emit_entry(vm::GuestCode& guest, const Composition& composition, Xbyak::Label& entry);

}  // namespace gatecrash::bench
