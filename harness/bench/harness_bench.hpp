#pragma once

#include <vector>

#include "bench/figure.hpp"
#include "kvm/system.hpp"
#include "vm/boot/image.hpp"
#include "vm/quirks/repairs.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::bench {

/// Measures one KVM_RUN of a guest that only executes HLT, with its registers set and read. Throws kvm::Error.
[[nodiscard]] Figure measure_floor(const kvm::System& system);

/// Measures what the harness itself costs on this machine, with `image`. The floor is one KVM_RUN of a guest that only
/// executes HLT, with its registers set and read. Other figures are a step of `kind`, a snapshot, a restore, and a new
/// VM with its vCPU. An injection (restore, land an NMI, run to the end, check) is averaged over the boundaries of the
/// first window. Guests get the `repairs` that a sweep would make. One run measures everything, so ratios are
/// comparable even on an emulated machine. Throws kvm::Error, vm::ImageError.
[[nodiscard]] std::vector<Figure> measure_harness(const kvm::System& system, const vm::Image& image,
                                                  vm::StepperKind kind, vm::quirks::Repairs repairs);

}  // namespace gatecrash::bench
