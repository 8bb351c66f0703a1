#include <algorithm>

#include "sweep/result.hpp"

namespace gatecrash::sweep {

Finding finding_of(Schedule schedule, std::span<const Violation> violations) {
    Finding finding{.schedule = std::move(schedule), .violation = violations.front(), .also = {}};
    for (const auto& [invariant, message] : violations) {
        const bool known = invariant == finding.violation.invariant ||
                           std::ranges::find(finding.also, invariant) != finding.also.end();
        if (!known) finding.also.push_back(invariant);
    }
    return finding;
}

}  // namespace gatecrash::sweep
