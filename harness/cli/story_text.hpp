#pragma once

#include <string>
#include <vector>

#include "suite/case.hpp"
#include "sweep/replay.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::cli {

/// Explains what a schedule does, for people: the design, what happens in these sentences, the rule that breaks, and
/// what the design assumed. `variant` is null for a guest that is none of a case's variants.
[[nodiscard]] std::string story_text(const suite::Variant* variant, const sweep::Schedule& schedule,
                                     const sweep::ReplayResult& replayed, const std::vector<std::string>& sentences);

}  // namespace gatecrash::cli
