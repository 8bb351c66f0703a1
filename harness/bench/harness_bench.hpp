#pragma once

#include <vector>

#include "bench/figure.hpp"
#include "kvm/system.hpp"
#include "vm/boot/image.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::bench {

/// What the harness itself costs on this machine, measured with `image`: the floor (one KVM_RUN of a guest that does
/// nothing but HLT, with its registers set and read), a step of `kind`, a snapshot, a restore, a new VM with its vCPU,
/// and one injection (restore, land an NMI, run to the end, check) averaged over the boundaries of the first window.
/// Everything is measured in this order in one go, so that ratios mean something on an emulated machine as well. Throws
/// kvm::Error, vm::ImageError.
[[nodiscard]] std::vector<Figure> measure_harness(const kvm::System& system, const vm::Image& image,
                                                  vm::StepperKind kind);

}  // namespace gatecrash::bench
