#include "cli/harness_figures.hpp"

#include "bench/harness_bench.hpp"
#include "cli/target.hpp"
#include "cli/version.hpp"

namespace gatecrash::cli {
namespace {

/// Harness benchmarks use this guest. Its window is the longest of those that hold, and has user code, SYSCALL, IST
/// stacks and a nested fault.
constexpr const char* measured_guest = "nested-nmi/copied-frame";

}  // namespace

report::BenchDocument measure_harness(const kvm::System& system, const report::MachineDescription& machine,
                                      vm::StepperKind stepper, vm::quirks::Repairs repairs) {
    return {version,
            machine,
            {gatecrash::bench::measure_harness(system, find_target(measured_guest).image, stepper, repairs)}};
}

}  // namespace gatecrash::cli
