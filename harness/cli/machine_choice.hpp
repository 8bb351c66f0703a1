// On which machine the work is done.
#pragma once

#include <optional>

#include "cli/options.hpp"
#include "kvm/system.hpp"
#include "qualify/qualify.hpp"
#include "report/machine_description.hpp"

namespace gatecrash::cli {

/// A machine whose /dev/kvm this process uses itself.
struct LocalMachine {
    report::MachineDescription description;  ///< with the behaviours that were measured
    kvm::System system;
    vm::StepperKind stepper;  ///< to use unless another is asked for
};

/// The machine to use, whose basic behaviours are as on silicon; the others are measured if `others`. Empty: an
/// emulated machine, into which this process has yet to go; see inside.hpp. `automatic` takes the host if it is fit,
/// and says in one line on standard error why it is not. Throws HostError if `asked` cannot be had.
[[nodiscard]] std::optional<LocalMachine> choose_machine(MachineName asked, bool others);

/// Throws HostError if one of `events` cannot land on `machine`, whatever the guest: a sweep without it would mean
/// nothing.
void check_that_it_lands(std::span<const vm::Event> events, const LocalMachine& machine);

/// The environment variable that names the emulated machine this process runs in. Not set on a host.
inline constexpr const char* machine_variable = "GATECRASH_MACHINE";
/// Its value, or empty.
[[nodiscard]] std::string emulated_machine();

/// The machine that this process runs on, without its behaviours.
[[nodiscard]] report::MachineDescription describe_here();
void add_behaviours(report::MachineDescription& description, const std::vector<qualify::Measurement>& measurements);

/// "int3 gives X where silicon gives Y".
[[nodiscard]] std::string describe(const qualify::Measurement& measurement);

}  // namespace gatecrash::cli
