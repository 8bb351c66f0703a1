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

    /// True if the window of event number `event` contains the instruction at `rip`.
    [[nodiscard]] bool has(std::size_t event, vm::Virtual rip) const;

    /// The code from the first address up to, but not including, the second.
    using Range = std::pair<vm::Virtual, vm::Virtual>;
    /// Returns all code where some event may land, each range once. Empty if an event may land everywhere.
    [[nodiscard]] std::vector<Range> text() const;
    /// True if the window of event number `event` is all of text().
    [[nodiscard]] bool is_whole(std::size_t event) const;

  private:
    std::vector<std::vector<Range>> ranges_;  ///< for each event; empty: everywhere
};

}  // namespace gatecrash::sweep
