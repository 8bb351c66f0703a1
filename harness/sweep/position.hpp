// The position of a schedule in its sweep, where a sweep can stop and resume.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <vector>

namespace gatecrash::sweep {

/// One event of a schedule. All numbers count from 0.
struct Placed {
    std::uint64_t boundary = 0;  ///< where it is delivered, on the path after the event before it
    std::uint64_t event = 0;     ///< index in SweepOptions::events
    std::uint64_t wait = 0;      ///< where it lands, among the boundaries from which it is delivered there

    auto operator<=>(const Placed&) const = default;
};

/// A schedule of a sweep. Schedules of one length are swept in ascending order.
struct Position {
    std::uint64_t window = 0;
    std::vector<Placed> events;

    bool operator==(const Position&) const = default;
};

/// Compares two positions as far as both go.
[[nodiscard]] inline std::strong_ordering compare_start(const Position& a, const Position& b) {
    if (const auto order = a.window <=> b.window; order != 0) return order;
    const auto common = static_cast<std::ptrdiff_t>(std::min(a.events.size(), b.events.size()));
    return std::lexicographical_compare_three_way(a.events.begin(), a.events.begin() + common, b.events.begin(),
                                                  b.events.begin() + common);
}

}  // namespace gatecrash::sweep
