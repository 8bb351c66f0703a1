// Measures the harness itself, for `bench harness` and `doctor --report`.
#pragma once

#include "kvm/system.hpp"
#include "report/bench_document.hpp"
#include "report/machine_description.hpp"
#include "vm/quirks/repairs.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::cli {

/// Returns the document of `bench harness` on this machine, which is `machine` and needs `repairs`. Throws kvm::Error.
[[nodiscard]] report::BenchDocument measure_harness(const kvm::System& system,
                                                    const report::MachineDescription& machine, vm::StepperKind stepper,
                                                    vm::quirks::Repairs repairs);

}  // namespace gatecrash::cli
