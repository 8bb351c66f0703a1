#include "machines/machines.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "machines/bochs_machine.hpp"
#include "machines/machine_error.hpp"
#include "machines/qemu_machine.hpp"

namespace gatecrash::machines {

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

constexpr Machine machine_table[] = {
    {.name = "host", .summary = "this computer's own KVM"},
    {.name = "amd",
     .summary = "QEMU emulating an AMD CPU with SVM and nested paging",
     // Without ERMS, programs copy and clear by words and not by REP MOVSB, which TCG executes byte by byte. A program
     // of 17 MB then starts in half the time.
     .cpu = "max,+svm,+npt,-erms,-la57,vendor=AuthenticAMD",
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
     .check = check_bochs,
     .key = key_of_bochs_machine,
     .start = start_bochs_machine},
};

}  // namespace

std::span<const Machine> all_machines() { return machine_table; }

std::span<const Machine> emulated_machines() { return all_machines().subspan(1); }

const Machine& usual_machine() { return emulated_machines().front(); }

const Machine* find_machine(std::string_view name) {
    const auto* const found = std::ranges::find(machine_table, name, &Machine::name);
    return found == std::end(machine_table) ? nullptr : found;
}

std::string remedy_of(const Machine& machine) { return fmt::format("run `{}`{}", machine.setup, machine.or_else); }

void throw_not_set_up(const Machine& machine, std::string_view what) {
    throw MachineError(fmt::format("the machine '{}' is not set up: there is no {}", machine.name, what),
                       remedy_of(machine));
}

}  // namespace gatecrash::machines
