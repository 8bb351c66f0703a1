#pragma once

#include <cstdint>
#include <unordered_map>

#include "sweep/schedule.hpp"
#include "vm/boot/image.hpp"

namespace gatecrash::sweep {

/// A boundary that a run reaches: the instruction at `rip` is about to execute.
struct Reached {
    vm::Virtual rip{};
    unsigned hit = 1;         ///< see Boundary::hit
    std::uint64_t index = 0;  ///< see Boundary::index
};

/// Returns the boundary as schedules name it: by the nearest symbol, and with its index.
[[nodiscard]] Boundary boundary_of(const vm::SymbolTable& symbols, const Reached& reached);

/// True if `reached` is the boundary that a schedule names. Several symbols can have one address.
[[nodiscard]] bool is_at(const vm::SymbolTable& symbols, const Boundary& boundary, const Reached& reached);

/// Counts how often each instruction is about to execute.
class HitCounter {
  public:
    /// Counts the boundary before the instruction at `rip`, and returns it.
    Reached reach(vm::Virtual rip) { return {rip, ++hits_[number(rip)], index_++}; }
    /// Restarts the count, after an event has landed.
    void restart() {
        hits_.clear();
        index_ = 0;
    }

  private:
    std::unordered_map<std::uint64_t, unsigned> hits_;
    std::uint64_t index_ = 0;
};

}  // namespace gatecrash::sweep
