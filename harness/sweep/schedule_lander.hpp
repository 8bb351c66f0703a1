#pragma once

#include <optional>
#include <vector>

#include "sweep/boundary.hpp"
#include "vm/guest.hpp"

namespace gatecrash::sweep {

/// Lands the events of a schedule on their boundaries.
class ScheduleLander {
  public:
    /// `hits` is the counter as it stands where the run begins.
    ScheduleLander(const std::vector<Landing>& schedule, HitCounter hits)
        : schedule_(&schedule), hits_(std::move(hits)) {}

    /// Returns the event that lands at the guest's current boundary; empty if none does. Call it at each boundary, in
    /// order. Throws ScheduleError if the event cannot land there.
    std::optional<vm::Event> operator()(vm::Guest& guest);
    /// Returns the first boundary that the run did not reach, or null.
    [[nodiscard]] const Boundary* missed() const {
        return next_ == schedule_->size() ? nullptr : &(*schedule_)[next_].boundary;
    }
    [[nodiscard]] std::size_t landed() const { return next_; }
    [[nodiscard]] const HitCounter& hits() const { return hits_; }

  private:
    const std::vector<Landing>* schedule_;
    HitCounter hits_;
    std::size_t next_ = 0;
};

}  // namespace gatecrash::sweep
