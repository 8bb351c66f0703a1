// Follows the control flow of the checked sections, and checks the rules about what they may reach.
#pragma once

#include <vector>

#include "check/annotations.hpp"
#include "check/code_map.hpp"
#include "check/entry_points.hpp"
#include "check/finding.hpp"

namespace gatecrash::check {

struct WalkResult {
    std::vector<Finding> findings;
    std::vector<Unchecked> unchecked;
    std::vector<std::uint64_t> instructions;  ///< addresses of those that can be reached, in order
};

/// Walks the code from each entry point, then from each function and symbol that no path has reached.
[[nodiscard]] WalkResult walk(const CodeMap& map, const std::vector<EntryPoint>& entries,
                              const Annotations& annotations);

}  // namespace gatecrash::check
