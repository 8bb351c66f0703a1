// Lists the machines: machines.cpp has a row for each. Options, help, messages, `doctor` and `run --machine all` follow
// that table. Files can add further machines. docs/how-to/add-a-machine.md says how to add a machine.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace gatecrash::machines {

class Emulator;
struct MachineFiles;
struct StartRequest;

/// A computer on which guests run.
struct Machine {
    std::string name;     ///< its name in --machine NAME, in messages and in reports
    std::string summary;  ///< describes the machine in one line

    // Only emulated machines have the rest.
    std::string cpu = {};         ///< the model, as its emulator calls it
    std::string kvm_module = {};  ///< the kernel module that offers /dev/kvm on that CPU
    std::string setup = {};       ///< the command that installs what the machine needs
    std::string or_else = {};     ///< the rest of the remedy if part of that is missing, after "run `SETUP`"
    std::string boot_time = {};   ///< duration of a boot, for the message that asks for patience
    std::size_t memory = 0;       ///< bytes; emulator and worker together take about half as much of the host's
    /// A folder made by tools/fetch_packages.sh, which has the emulator; empty: the emulator that is in PATH.
    std::filesystem::path emulator = {};
    /// A folder with a bzImage and its modules; empty: the kernel that all machines share.
    std::filesystem::path kernel = {};
    std::string kernel_arguments = {};                          ///< these follow the machine's own
    std::map<std::string, std::string> module_parameters = {};  ///< such as "npt=0", by the module's name
    /// Throws MachineError, with the remedy, if something is missing on this host. It is quick, and starts nothing.
    /// Null if the machine needs nothing.
    void (*check)(const Machine& machine) = nullptr;
    /// Returns a digest of everything that decides how the machine behaves: the emulator's version and settings, and
    /// the kernel inside. Throws MachineError if something is missing. Null if the machine is not emulated.
    std::string (*key)(const MachineFiles& files) = nullptr;
    /// Starts the machine, and returns it when it is ready for a program. Throws MachineError, or Interrupted. Null if
    /// it is not emulated.
    std::unique_ptr<Emulator> (*start)(StartRequest& request) = nullptr;

    [[nodiscard]] bool is_emulated() const { return start != nullptr; }
};

/// The environment variable that names a file of further machines.
inline constexpr const char* machines_variable = "GATECRASH_MACHINES";
/// The environment variable that, inside an emulated machine, has the machine's name.
inline constexpr const char* inside_variable = "GATECRASH_MACHINE";

/// Returns every machine of the table: first the host itself, then the emulated ones.
[[nodiscard]] std::span<const Machine> all_machines();
[[nodiscard]] std::span<const Machine> emulated_machines();
/// Returns the emulated machine that replaces a host that is not fit.
[[nodiscard]] const Machine& usual_machine();
/// Returns the machines of the file that machines_variable names, and of the file that `./dev setup --machines` made.
/// Throws MachineError if one of them cannot be read.
[[nodiscard]] std::span<const Machine> further_machines();
/// Returns the machine of that name, in the table or in a file; null if there is none.
[[nodiscard]] const Machine* find_machine(std::string_view name);

/// Returns what to do if something that `machine` needs is missing.
[[nodiscard]] std::string remedy_of(const Machine& machine);

/// Returns the program in the folder Machine::emulator. Throws MachineError if it is not there.
[[nodiscard]] std::filesystem::path program_in(const Machine& machine);
/// Returns the list of the packages in that folder, with their digests. Throws MachineError if it is not there.
[[nodiscard]] std::string packages_in(const Machine& machine);
/// Returns the folder below which the files of the emulator's packages are.
[[nodiscard]] std::filesystem::path root_of(const Machine& machine);

/// Throws MachineError with the remedy: `machine` is not set up, since `what` is missing.
[[noreturn]] void throw_not_set_up(const Machine& machine, std::string_view what);

}  // namespace gatecrash::machines
