#include "qualify/qualify.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "qualify/probe.hpp"

namespace gatecrash::qualify {
namespace {

constexpr std::string_view decides_stepper = "trap-flag-leaves-no-state";

}  // namespace

std::vector<Behaviour> measure(const kvm::System& system, Scope scope) {
    Bench bench(system);
    std::vector<Behaviour> behaviours;
    for (const auto& probe : probes()) {
        if (!probe.basic && !scope.others && probe.name != decides_stepper) continue;
        behaviours.push_back(evaluate(probe, bench));
        if (scope.stop_when_unfit && first_basic_failure(behaviours)) return behaviours;
    }
    if (!scope.others || !scope.facts) return behaviours;
    for (const auto& fact : facts()) behaviours.push_back(evaluate(fact, bench));
    return behaviours;
}

Behaviour measure(const kvm::System& system, std::string_view name) {
    const auto found = std::ranges::find(probes(), name, &Probe::name);
    if (found == probes().end()) throw std::out_of_range("no behaviour is called " + std::string(name));
    Bench bench(system);
    return evaluate(*found, bench);
}

std::vector<Manuals> manuals() {
    std::vector<Manuals> all;
    for (const auto& table : {probes(), facts()}) {
        for (const auto& probe : table) {
            all.push_back({probe.name, probe.expected.intel, probe.expected.amd, probe.source});
        }
    }
    return all;
}

vm::StepperKind stepper_for(const std::vector<Behaviour>& behaviours) {
    const auto found = std::ranges::find(behaviours, decides_stepper, &Behaviour::name);
    const bool leaves_state = found != behaviours.end() && !found->ok;
    return leaves_state ? vm::StepperKind::stop_bytes : vm::StepperKind::trap_flag;
}

std::optional<Behaviour> first_basic_failure(const std::vector<Behaviour>& behaviours) {
    const auto found = std::ranges::find_if(behaviours, [](const auto& each) { return each.basic && !each.ok; });
    return found == behaviours.end() ? std::nullopt : std::optional(*found);
}

}  // namespace gatecrash::qualify
