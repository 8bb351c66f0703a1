#include "qualify/qualify.hpp"

#include <algorithm>

#include "qualify/probe.hpp"

namespace gatecrash::qualify {
namespace {

constexpr auto decides_stepper = Behaviour::trap_flag_leaves_no_state;

/// A repair, and the behaviour that shows that a machine does without it.
struct Repair {
    Behaviour behaviour;
    bool vm::quirks::Repairs::*repair;
};
constexpr Repair repairs[] = {{Behaviour::breakpoint_from_outside, &vm::quirks::Repairs::leftover_breakpoints},
                              {Behaviour::nmi_mask_over_entry, &vm::quirks::Repairs::nmi_mask},
                              {Behaviour::exit_leaves_no_trap, &vm::quirks::Repairs::stale_trap},
                              {Behaviour::unmapped_pages_leave_no_rf, &vm::quirks::Repairs::new_pages}};

/// True if gatecrash runs guests in another way where the behaviour differs.
bool decides_how(Behaviour behaviour) {
    return behaviour == decides_stepper || std::ranges::count(repairs, behaviour, &Repair::behaviour) != 0;
}

const Probe& probe_of(Behaviour behaviour) {
    // Both tables together have one row for each behaviour, in the order of the enumeration.
    const auto index = static_cast<std::size_t>(behaviour);
    return index < probes().size() ? probes()[index] : facts()[index - probes().size()];
}

}  // namespace

std::vector<Measurement> measure(const kvm::System& system, Scope scope, const Progress& progress) {
    Bench bench(system);
    std::vector<Measurement> measurements;
    const auto add = [&](const Probe& probe) {
        if (progress.begins) progress.begins(probe.behaviour);
        measurements.push_back(evaluate(probe, bench));
        if (progress.ends) progress.ends(measurements.back());
    };
    for (const auto& probe : probes()) {
        if (!is_basic(probe.behaviour) && !scope.others && !decides_how(probe.behaviour)) continue;
        add(probe);
        if (scope.stop_when_unfit && first_basic_failure(measurements)) return measurements;
    }
    if (!scope.others || !scope.facts) return measurements;
    for (const auto& fact : facts()) add(fact);
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

vm::quirks::Repairs repairs_for(const std::vector<Measurement>& measurements) {
    vm::quirks::Repairs needed;
    for (const auto& [behaviour, repair] : repairs) {
        const auto found = std::ranges::find(measurements, behaviour, &Measurement::behaviour);
        needed.*repair = found == measurements.end() || !found->ok;
    }
    return needed;
}

std::optional<Measurement> first_basic_failure(const std::vector<Measurement>& measurements) {
    const auto found =
        std::ranges::find_if(measurements, [](const auto& each) { return is_basic(each.behaviour) && !each.ok; });
    return found == measurements.end() ? std::nullopt : std::optional(*found);
}

}  // namespace gatecrash::qualify
