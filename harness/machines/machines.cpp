#include "machines/machines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "machines/bochs_machine.hpp"
#include "machines/machine_error.hpp"
#include "machines/machine_file.hpp"
#include "machines/qemu_machine.hpp"
#include "machines/set_up.hpp"
#include "posix/file.hpp"

namespace gatecrash::machines {

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

const std::vector<Machine>& machine_table() {
    static const std::vector<Machine> table{
        {.name = "host", .summary = "this computer's own KVM"},
        {.name = "amd",
         .summary = "QEMU emulating an AMD CPU with SVM and nested paging",
         // Without ERMS, programs copy and clear by words and not by REP MOVSB, which TCG executes byte by byte. A
         // program of 17 MB then starts in half the time. Linux 6.1 takes FSRM to imply ERMS, and hangs without it.
         .cpu = "max,+svm,+npt,-erms,-fsrm,-la57,vendor=AuthenticAMD",
         .kvm_module = "kvm_amd",
         .setup = "./dev setup",
         .or_else = ", or `apt-get install qemu-system-x86`",
         .boot_time = "about 5 s",
         .memory = 512 * mebibyte,
         .check = check_qemu,
         .key = key_of_qemu_machine,
         .start = start_qemu_machine},
        {.name = "intel",
         .summary = "Bochs emulating an Intel CPU with VT-x and EPT",
         .cpu = "corei7_haswell_4770",
         .kvm_module = "kvm_intel",
         .setup = "./dev setup --intel",
         .or_else = ", which installs Bochs and the tools that make a disc for it",
         .boot_time = "about 20 s",
         .memory = 512 * mebibyte,
         .emulator = find_set_up("emulators/bochs-3.0").value_or(""),
         .check = check_bochs,
         .key = key_of_bochs_machine,
         .start = start_bochs_machine},
    };
    return table;
}

}  // namespace

std::span<const Machine> all_machines() { return machine_table(); }

std::span<const Machine> emulated_machines() { return all_machines().subspan(1); }

const Machine& usual_machine() { return emulated_machines().front(); }

std::span<const Machine> further_machines() {
    static const std::vector<Machine> machines = read_machine_files();
    return machines;
}

const Machine* find_machine(std::string_view name) {
    const auto find_in = [&](std::span<const Machine> machines) {
        const auto found = std::ranges::find(machines, name, &Machine::name);
        return found == machines.end() ? nullptr : &*found;
    };
    const auto* const found = find_in(all_machines());
    return found != nullptr ? found : find_in(further_machines());
}

std::string remedy_of(const Machine& machine) { return fmt::format("run `{}`{}", machine.setup, machine.or_else); }

std::filesystem::path program_in(const Machine& machine) {
    auto program = machine.emulator / "run";
    std::error_code error;
    if (!std::filesystem::exists(program, error)) throw_not_set_up(machine, program.string());
    return program;
}

std::string packages_in(const Machine& machine) {
    const auto packages = machine.emulator / "packages";
    std::error_code error;
    if (!std::filesystem::exists(packages, error)) throw_not_set_up(machine, packages.string());
    return posix::read_file(packages);
}

std::filesystem::path root_of(const Machine& machine) {
    return machine.emulator.empty() ? "/" : machine.emulator / "root";
}

void throw_not_set_up(const Machine& machine, std::string_view what) {
    throw MachineError(fmt::format("the machine '{}' is not set up: there is no {}", machine.name, what),
                       remedy_of(machine));
}

}  // namespace gatecrash::machines
