#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "vm/guest.hpp"

namespace gatecrash::sweep {

/// The deepest stacks and the deepest nesting of several runs.
struct Extremes {
    /// For each stack, by name: the bytes used since boot, from its top down to the lowest word that is not 0. An
    /// unused stack is absent.
    std::map<std::string, std::uint64_t> stack_bytes;
    /// For each vector: how many handler bodies ran at once, each inside another. Absent if it was never more than one.
    std::map<std::uint32_t, std::uint64_t> bodies_at_once;

    void include(const Extremes& others);
    bool operator==(const Extremes&) const = default;
};

/// Measures how much of each stack a guest's runs use.
class StackMeter {
  public:
    explicit StackMeter(const vm::Image& image) : used_(image.stacks.size()) {}

    /// Measures the stacks as a run has left them, and notes in `extremes` any that are deeper than in all earlier
    /// runs.
    void look(vm::Guest& guest, Extremes& extremes);
    /// Forgets all runs so far.
    void restart() { used_.assign(used_.size(), 0); }

  private:
    std::vector<std::uint64_t> used_;  ///< bytes, for each stack
};

}  // namespace gatecrash::sweep
