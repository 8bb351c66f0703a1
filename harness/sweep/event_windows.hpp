#pragma once

#include <utility>
#include <vector>

#include "sweep/subject.hpp"

namespace gatecrash::sweep {

/// Where each of some events may land, as --window says.
class EventWindows {
  public:
    /// Throws ScheduleError for a symbol that `subject` lacks, a range that is empty, and one for no event.
    EventWindows(const Subject& subject, const std::vector<vm::Event>& events, const std::vector<SymbolRange>& ranges);

    /// Whether the window of event number `event` contains the boundary.
    [[nodiscard]] bool has(std::size_t event, const Point& at) const;

  private:
    std::vector<std::vector<std::pair<vm::Virtual, vm::Virtual>>> ranges_;  ///< by event; none: everywhere
};

}  // namespace gatecrash::sweep
