// Where a sweep is, and where it goes on.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <vector>

namespace gatecrash::sweep {

/// One event of a schedule, by numbers from 0.
struct Placed {
    std::uint64_t boundary = 0;  ///< on the path after the event before it: where it is delivered
    std::uint64_t event = 0;     ///< in SweepOptions::events
    std::uint64_t wait = 0;      ///< which of the boundaries that it is delivered from it lands on

    auto operator<=>(const Placed&) const = default;
};

/// A schedule of a sweep. Schedules of one length are swept in ascending order.
struct Position {
    std::uint64_t window = 0;
    std::vector<Placed> events;

    bool operator==(const Position&) const = default;
};

/// Compares as far as both positions go.
[[nodiscard]] inline std::strong_ordering compare_start(const Position& a, const Position& b) {
    if (const auto order = a.window <=> b.window; order != 0) return order;
    const auto common = static_cast<std::ptrdiff_t>(std::min(a.events.size(), b.events.size()));
    return std::lexicographical_compare_three_way(a.events.begin(), a.events.begin() + common, b.events.begin(),
                                                  b.events.begin() + common);
}

}  // namespace gatecrash::sweep
