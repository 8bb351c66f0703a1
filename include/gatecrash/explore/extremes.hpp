#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "gatecrash/machine/machine.hpp"

namespace gatecrash::explore {

/// The deepest stacks and the deepest nesting that any of some runs had.
struct Extremes {
    /// By the stack's name: how many bytes, from its top down to the lowest word that is not 0, have been used since
    /// boot. A stack of which nothing was used is absent.
    std::map<std::string, std::uint64_t> stack_bytes;
    /// By vector: how many handler bodies were running at once, each inside another.
    std::map<std::uint32_t, std::uint64_t> bodies_at_once;

    void include(const Extremes& others);
    /// Looks at the stacks as a run has left them.
    void include_stacks(machine::Machine& machine);
    bool operator==(const Extremes&) const = default;
};

}  // namespace gatecrash::explore
