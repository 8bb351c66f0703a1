#include "gatecrash/qualify/qualify.hpp"

#include <algorithm>

#include "probe.hpp"

namespace gatecrash::qualify {

std::vector<Behaviour> measure(const kvm::System& system, Scope scope) {
    Bench bench(system);
    std::vector<Behaviour> behaviours;
    for (const auto& probe : probes()) {
        if (!probe.basic && !scope.others) break;
        behaviours.push_back(evaluate(probe, bench));
        if (scope.stop_when_unfit && first_basic_failure(behaviours)) break;
    }
    return behaviours;
}

std::optional<Behaviour> first_basic_failure(const std::vector<Behaviour>& behaviours) {
    const auto found = std::ranges::find_if(behaviours, [](const auto& each) { return each.basic && !each.ok; });
    return found == behaviours.end() ? std::nullopt : std::optional(*found);
}

}  // namespace gatecrash::qualify
