// Follows the state of the CPU through entry code.
#pragma once

#include <vector>

#include "check/code_map.hpp"
#include "check/entry_points.hpp"
#include "check/finding.hpp"
#include "check/interpreter.hpp"

namespace gatecrash::check {

struct EntryFindings {
    std::vector<Finding> findings;
    std::vector<Unchecked> unchecked;
};

/// Follows each path from each entry point with each state in which the CPU can enter there. Paths that meet stay
/// apart unless all that is known is the same, so nothing is said about a mixture of states.
[[nodiscard]] EntryFindings explore_entries(const CodeMap& map, const std::vector<EntryPoint>& entries,
                                            const Policy& policy);

}  // namespace gatecrash::check
