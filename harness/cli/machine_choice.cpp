#include "cli/machine_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "cli/host_error.hpp"
#include "cli/machine_facts.hpp"
#include "kvm/error.hpp"
#include "sweep/schedule.hpp"
#include "vm/landing/event_kind.hpp"

namespace gatecrash::cli {
namespace {

/// This machine, or the reason why it cannot be used.
struct Attempt {
    std::optional<LocalMachine> machine;
    std::string reason, remedy;
};

Attempt try_here(bool others) {
    try {
        auto system = kvm::System::open();
        const auto measurements = qualify::measure(system, {.others = others, .facts = false, .stop_when_unfit = true});
        if (const auto failure = first_basic_failure(measurements)) return {{}, describe(*failure), failure->remedy};
        auto description = describe_here();
        add_behaviours(description, measurements);
        return {LocalMachine{std::move(description), std::move(system), qualify::stepper_for(measurements),
                             qualify::repairs_for(measurements)},
                {},
                {}};
    } catch (const kvm::Error& error) {
        return {{}, error.what(), {}};  // the text contains the remedy
    }
}

LocalMachine require_here(const std::string& name, bool others) {
    auto attempt = try_here(others);
    if (!attempt.machine) {
        throw HostError(fmt::format("the machine '{}' cannot be used: {}", name, attempt.reason),
                        attempt.remedy.empty() ? "`gatecrash doctor` shows what each machine can do" : attempt.remedy);
    }
    return std::move(*attempt.machine);
}

}  // namespace

std::string emulated_machine() {
    const char* name = std::getenv(machines::inside_variable);
    return name == nullptr ? "" : name;
}

report::MachineDescription describe_here() {
    const auto emulated = emulated_machine();
    return {.name = emulated.empty() ? "host" : emulated,
            .kvm = kvm_module(),
            .cpu = cpu_model(),
            .kernel = kernel_release(),
            .emulated = !emulated.empty(),
            .vendor = vm::cpu_vendor(),
            .behaviours = {}};
}

void add_behaviours(report::MachineDescription& description, const std::vector<qualify::Measurement>& measurements) {
    for (const auto& each : measurements) {
        description.behaviours[each.behaviour] = each.ok;
        if (each.is_silicon) description.as_some.insert(each.behaviour);
    }
}

std::string describe(const qualify::Measurement& measurement) {
    return fmt::format("{}: this KVM gives \"{}\"; hardware gives \"{}\"", to_string(measurement.behaviour),
                       qualify::describe(measurement.got), qualify::describe(measurement.expected));
}

void check_that_it_lands(std::span<const vm::Event> events, const LocalMachine& machine) {
    for (const auto& event : events) {
        const auto& row = vm::row_of(event);
        const auto& name = machine.description.name;
        if (row.only_on && machine.description.vendor != row.only_on->vendor) {
            throw HostError(fmt::format("{} cannot land on '{}': {}", row.name, name, row.only_on->why),
                            std::string(row.only_on->remedy));
        }
        if (!row.relies_on) continue;
        const auto measurement = qualify::measure(machine.system, *row.relies_on);
        if (measurement.ok) continue;
        throw HostError(fmt::format("{} cannot land on '{}': {}", sweep::to_string(event), name, describe(measurement)),
                        measurement.remedy);
    }
}

std::optional<LocalMachine> choose_machine(MachineName asked, bool others) {
    const auto here = emulated_machine();
    if (!here.empty()) {
        if (asked != MachineName::automatic && name_of(asked) != here) {
            throw HostError(fmt::format("this command already runs in the machine '{}'", here), "leave --machine out");
        }
        return require_here(here, others);
    }
    if (asked.is_host()) return require_here(name_of(asked), others);
    if (asked.is_emulated()) return std::nullopt;

    auto attempt = try_here(others);
    if (!attempt.machine) {
        fmt::print(stderr, "gatecrash: using the {} machine, since this host's KVM is not fit: {}\n",
                   machines::usual_machine().name, attempt.reason);
    }
    return std::move(attempt.machine);
}

MachineName machine_to_use(MachineName asked) {
    if (asked != MachineName::automatic) return asked;
    const auto local = choose_machine(asked, false);
    const auto* const machine = local ? machines::find_machine(local->description.name) : nullptr;
    return MachineName(machine != nullptr ? *machine : machines::usual_machine());
}

}  // namespace gatecrash::cli
