#pragma once

#include <utility>
#include <vector>

#include "sweep/subject.hpp"

namespace gatecrash::sweep {

/// Knows where each event may land, as --window says.
class EventWindows {
  public:
    /// Throws ScheduleError for a symbol that `subject` lacks, for an empty range, and for a range whose kind is not
    /// among `events`.
    EventWindows(const Subject& subject, const std::vector<vm::Event>& events, const std::vector<SymbolRange>& ranges);

    /// True if the window of event number `event` contains the boundary.
    [[nodiscard]] bool has(std::size_t event, const Point& at) const;

  private:
    std::vector<std::vector<std::pair<vm::Virtual, vm::Virtual>>> ranges_;  ///< for each event; empty: everywhere
};

}  // namespace gatecrash::sweep
