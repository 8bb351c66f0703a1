#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

#include "vm/guest.hpp"

namespace gatecrash::vm {

/// Proves that a run is endless, by Brent's method. It keeps one earlier state and compares every look with it. Each
/// time the number of looks doubles, it keeps that look's state instead. Equal states have equal futures.
class LoopDetector {
  public:
    /// `first_kept` is the number of the look that keeps a state for the first time.
    explicit LoopDetector(std::uint64_t first_kept) : next_kept_(first_kept) {}

    /// True if the guest was in this very state at an earlier look.
    bool repeats(Guest& guest) {
        const bool again = kept_ && is_kept(guest);
        if (++looks_ == next_kept_) {
            kept_ = guest.snapshot(kept_ ? &*kept_ : nullptr);
            next_kept_ *= 2;
        }
        return again;
    }

  private:
    [[nodiscard]] bool is_kept(Guest& guest) const {
        const auto same = [](const auto& a, const auto& b) { return std::memcmp(&a, &b, sizeof a) == 0; };
        if (!same(guest.cpu().regs(), kept_->regs)) return false;
        const auto now = guest.snapshot(&*kept_);
        return guest.memory().equals(kept_->pages) && same(now.sregs, kept_->sregs) && now.msrs == kept_->msrs &&
               same(now.debug_registers, kept_->debug_registers) && now.events.nmi.masked == kept_->events.nmi.masked &&
               now.events.nmi.pending == kept_->events.nmi.pending && now.latched_irq == kept_->latched_irq;
    }

    std::optional<Snapshot> kept_;
    std::uint64_t looks_ = 0, next_kept_;
};

}  // namespace gatecrash::vm
