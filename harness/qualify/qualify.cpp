#include "qualify/qualify.hpp"

#include <algorithm>

#include "qualify/probe.hpp"

namespace gatecrash::qualify {
namespace {

constexpr auto decides_stepper = Behaviour::trap_flag_leaves_no_state;

const Probe& probe_of(Behaviour behaviour) {
    // Both tables together have one row for each behaviour, in the order of the enumeration.
    const auto index = static_cast<std::size_t>(behaviour);
    return index < probes().size() ? probes()[index] : facts()[index - probes().size()];
}

}  // namespace

std::vector<Measurement> measure(const kvm::System& system, Scope scope) {
    Bench bench(system);
    std::vector<Measurement> measurements;
    for (const auto& probe : probes()) {
        if (!is_basic(probe.behaviour) && !scope.others && probe.behaviour != decides_stepper) continue;
        measurements.push_back(evaluate(probe, bench));
        if (scope.stop_when_unfit && first_basic_failure(measurements)) return measurements;
    }
    if (!scope.others || !scope.facts) return measurements;
    for (const auto& fact : facts()) measurements.push_back(evaluate(fact, bench));
    return measurements;
}

Measurement measure(const kvm::System& system, Behaviour behaviour) {
    Bench bench(system);
    return evaluate(probe_of(behaviour), bench);
}

std::vector<Manuals> manuals() {
    std::vector<Manuals> all;
    for (const auto& table : {probes(), facts()}) {
        for (const auto& probe : table) {
            all.push_back({probe.behaviour, probe.expected.intel, probe.expected.amd, probe.expected.some_intel,
                           probe.expected.some_amd, probe.source});
        }
    }
    return all;
}

vm::StepperKind stepper_for(const std::vector<Measurement>& measurements) {
    const auto found = std::ranges::find(measurements, decides_stepper, &Measurement::behaviour);
    const bool leaves_state = found != measurements.end() && !found->ok;
    return leaves_state ? vm::StepperKind::stop_bytes : vm::StepperKind::trap_flag;
}

std::optional<Measurement> first_basic_failure(const std::vector<Measurement>& measurements) {
    const auto found =
        std::ranges::find_if(measurements, [](const auto& each) { return is_basic(each.behaviour) && !each.ok; });
    return found == measurements.end() ? std::nullopt : std::optional(*found);
}

}  // namespace gatecrash::qualify
