#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

#include "vm/guest.hpp"

namespace gatecrash::vm {

/// Finds a state that comes again, by Brent's method. It keeps one earlier state and compares every look with it. Each
/// time the number of looks doubles, it keeps that look's state instead.
template <typename State>
class Recurrence {
  public:
    /// `first_kept` is the number of the look that keeps a state for the first time.
    explicit Recurrence(std::uint64_t first_kept) : next_kept_(first_kept) {}

    /// Looks at the state as it is now. True if `is_now(kept)`: the kept state is the one of now. `save(kept)` returns
    /// the state of now; `kept` is null at first.
    template <typename IsNow, typename Save>
    bool look(const IsNow& is_now, const Save& save) {
        const bool again = kept_ && is_now(*kept_);
        if (++looks_ == next_kept_) {
            kept_ = save(kept_ ? &*kept_ : nullptr);
            next_kept_ *= 2;
        }
        return again;
    }
    [[nodiscard]] std::uint64_t looks() const { return looks_; }

  private:
    std::optional<State> kept_;
    std::uint64_t looks_ = 0, next_kept_;
};

/// Proves that a run is endless. Equal states have equal futures.
class LoopDetector {
  public:
    /// `first_kept` is the number of the look that keeps a state for the first time.
    explicit LoopDetector(std::uint64_t first_kept) : states_(first_kept) {}

    /// True if the guest was in this very state at an earlier look.
    bool repeats(Guest& guest) {
        return states_.look([&](const Snapshot& kept) { return is_now(guest, kept); },
                            [&](const Snapshot* kept) { return guest.snapshot(kept); });
    }

  private:
    [[nodiscard]] static bool is_now(Guest& guest, const Snapshot& kept) {
        const auto same = [](const auto& a, const auto& b) { return std::memcmp(&a, &b, sizeof a) == 0; };
        if (!same(guest.cpu().regs(), kept.regs)) return false;
        const auto now = guest.snapshot(&kept);
        return guest.memory().equals(kept.pages) && same(now.sregs, kept.sregs) && now.msrs == kept.msrs &&
               same(now.debug_registers, kept.debug_registers) && now.events.nmi.masked == kept.events.nmi.masked &&
               now.events.nmi.pending == kept.events.nmi.pending && now.latched_irq == kept.latched_irq;
    }

    Recurrence<Snapshot> states_;
};

}  // namespace gatecrash::vm
