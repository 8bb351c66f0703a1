// Finds out whether a run that takes long is endless.
#pragma once

#include <optional>

#include "kernel/kernel_facts.hpp"
#include "kernel/kernel_guest.hpp"

namespace gatecrash::kernel {

/// The end of a run that takes long.
struct SlowEnd {
    Stop stop;  ///< StillRuns for an endless run, and for one that has not ended so far
    /// Set if the kernel came back to an earlier state, which proves that the run is endless. It is the lowest address
    /// at which the loop delivers something, or of all its instructions if it delivers nothing. It is the same wherever
    /// the search begins.
    std::optional<vm::Virtual> loop{};
};

/// Goes on with the run of `guest`. `begin` is an earlier state of it, so that little must be saved.
[[nodiscard]] SlowEnd finish_slow_run(KernelGuest& guest, const KernelFacts& facts, const KernelState& begin);

}  // namespace gatecrash::kernel
