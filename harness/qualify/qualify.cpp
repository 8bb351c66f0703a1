#include "gatecrash/qualify/qualify.hpp"

#include "probe.hpp"

namespace gatecrash::qualify {

std::vector<Behaviour> measure(const kvm::System& system) {
    Bench bench(system);
    std::vector<Behaviour> behaviours;
    for (const auto& probe : probes()) behaviours.push_back(evaluate(probe, bench));
    return behaviours;
}

std::optional<Behaviour> first_basic_failure(const kvm::System& system) {
    Bench bench(system);
    for (const auto& probe : probes()) {
        if (!probe.basic) continue;
        auto behaviour = evaluate(probe, bench);
        if (!behaviour.ok) return behaviour;
    }
    return std::nullopt;
}

}  // namespace gatecrash::qualify
