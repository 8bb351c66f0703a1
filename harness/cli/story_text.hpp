#pragma once

#include <string>
#include <vector>

#include "cli/options.hpp"
#include "suite/case.hpp"
#include "sweep/replay.hpp"
#include "sweep/schedule.hpp"

namespace gatecrash::cli {

/// Explains what a schedule does, for people: the design, what happens in these sentences, the rule that breaks, and
/// why the design breaks it. `variant` is null for a guest that is none of a case's variants. The commands to look
/// closer have these `options`.
[[nodiscard]] std::string story_text(const suite::Variant* variant, const sweep::Schedule& schedule,
                                     const sweep::ReplayResult& replayed, const std::vector<std::string>& sentences,
                                     const Words& options);

}  // namespace gatecrash::cli
