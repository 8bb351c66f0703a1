#include "cli/harness_figures.hpp"

#include <utility>

#include "bench/harness_bench.hpp"
#include "bench/validity.hpp"
#include "cli/target.hpp"
#include "cli/version.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::cli {
namespace {

/// Harness benchmarks use this guest. Its window is the longest of those that hold, and has user code, SYSCALL, IST
/// stacks and a nested fault.
constexpr const char* measured_guest = "nested-nmi/copied-frame";

}  // namespace

report::BenchDocument measure_harness(const kvm::System& system, const report::MachineDescription& machine,
                                      vm::StepperKind stepper, vm::quirks::Repairs repairs) {
    auto figures = gatecrash::bench::measure_harness(system, find_target(measured_guest).image, stepper, repairs);
    // Below an emulated CPU there is nothing that could take exits.
    if (!machine.emulated && vm::is_below_hypervisor()) gatecrash::bench::mark_below_hypervisor(figures);
    return {version, machine, {std::move(figures)}};
}

}  // namespace gatecrash::cli
