// Compares the ends of two runs of a kernel.
#pragma once

#include <optional>
#include <vector>

#include "kernel/kernel_state.hpp"
#include "sweep/check/invariant.hpp"

namespace gatecrash::kernel {

/// Returns what a program would find changed at the end of its window: registers, segments, bases, page tables, and
/// whether NMIs are masked or wait. `then` is the end of the run without events.
[[nodiscard]] std::vector<sweep::Violation> compare_ends(const CpuState& now, const CpuState& then);

/// Returns the first registers of the FPU and of SSE that differ, if any.
[[nodiscard]] std::optional<sweep::Violation> compare_fpu(const kvm_fpu& now, const kvm_fpu& then);

/// Returns what has changed in the registers that control the CPU and in the controllers of interrupts, some time after
/// the window.
[[nodiscard]] std::vector<sweep::Violation> compare_controls(const CpuState& now, const CpuState& then,
                                                             const InterruptState& interrupts_now,
                                                             const InterruptState& interrupts_then);

}  // namespace gatecrash::kernel
