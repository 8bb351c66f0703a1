// Chooses the machine that does the work.
#pragma once

#include <optional>

#include "cli/options.hpp"
#include "kvm/system.hpp"
#include "qualify/qualify.hpp"
#include "report/machine_description.hpp"

namespace gatecrash::cli {

/// A machine whose /dev/kvm this process uses itself.
struct LocalMachine {
    report::MachineDescription description;  ///< includes the behaviours that were measured
    kvm::System system;
    vm::StepperKind stepper;      ///< used unless the user names another one
    vm::quirks::Repairs repairs;  ///< those that its guests need
};

/// Returns the machine to use. Its basic behaviours are as on real hardware; `others` asks to measure the other ones
/// too. Empty for an emulated machine, which this process still has to enter: see inside.hpp. For `automatic`, takes
/// the host if it is fit, and otherwise says on standard error, in one line, why not. Throws HostError if `asked`
/// cannot be used.
[[nodiscard]] std::optional<LocalMachine> choose_machine(MachineName asked, bool others);

/// Returns the machine that `asked` means: for `automatic`, what choose_machine() chooses.
[[nodiscard]] MachineName machine_to_use(MachineName asked);

/// Throws HostError if one of `events` cannot land on `machine`, whatever the guest is. A sweep without that event
/// would be misleading.
void check_that_it_lands(std::span<const vm::Event> events, const LocalMachine& machine);

/// Returns the name of the emulated machine in which this process runs (machines::inside_variable); empty on a host.
[[nodiscard]] std::string emulated_machine();

/// Describes the machine on which this process runs, without its behaviours.
[[nodiscard]] report::MachineDescription describe_here();
void add_behaviours(report::MachineDescription& description, const std::vector<qualify::Measurement>& measurements);

/// Describes a measurement, such as `int3: this KVM gives "X"; hardware gives "Y"`.
[[nodiscard]] std::string describe(const qualify::Measurement& measurement);

}  // namespace gatecrash::cli
