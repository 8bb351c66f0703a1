#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "vm/guest.hpp"

namespace gatecrash::sweep {

/// The deepest stacks and the deepest nesting that any of some runs had.
struct Extremes {
    /// By the stack's name: how many bytes, from its top down to the lowest word that is not 0, have been used since
    /// boot. A stack of which nothing was used is absent.
    std::map<std::string, std::uint64_t> stack_bytes;
    /// By vector: how many handler bodies were running at once, each inside another, if it was more than one.
    std::map<std::uint32_t, std::uint64_t> bodies_at_once;

    void include(const Extremes& others);
    bool operator==(const Extremes&) const = default;
};

/// Measures how much of each stack a guest's runs use.
class StackMeter {
  public:
    explicit StackMeter(const vm::Image& image) : used_(image.stacks.size()) {}

    /// Looks at the stacks as a run has left them, and notes in `extremes` what is more than in all runs before.
    void look(vm::Guest& guest, Extremes& extremes);
    /// Forgets the runs so far.
    void restart() { used_.assign(used_.size(), 0); }

  private:
    std::vector<std::uint64_t> used_;  ///< bytes, by stack
};

}  // namespace gatecrash::sweep
