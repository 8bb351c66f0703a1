// The result of a sweep.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "sweep/check/invariant.hpp"
#include "sweep/extremes.hpp"
#include "sweep/schedule.hpp"
#include "sweep/shard.hpp"

namespace gatecrash::sweep {

/// A schedule that breaks an invariant, and the evidence.
struct Finding {
    Schedule schedule;
    Violation violation;
    std::vector<Invariant> also;  ///< further invariants that the same run breaks
    std::uint64_t schedules = 1;  ///< alike: see SweepResult::findings
    std::uint64_t window = 0;     ///< of the guest's windows, from 0
    std::uint64_t order = 0;      ///< findings of a smaller one come first; see merge()
    std::uint64_t block = 0;      ///< of the first event's boundary, as Shard::block_of() counts

    bool operator==(const Finding&) const = default;
};

/// Returns a finding of `violations`, the first of which broke first. There is at least one.
[[nodiscard]] Finding finding_of(Schedule schedule, std::span<const Violation> violations);

/// Successive schedules of one length and one block. A stretch ends with the first schedule of a new finding, or with
/// its block. merge() drops whole stretches, so a sweep stops at the same schedule however many workers share it.
struct Stretch {
    std::uint64_t block = 0;
    std::uint64_t schedules = 0, pruned = 0;         ///< as in Level
    std::map<std::uint64_t, std::uint64_t> alike{};  ///< by index in SweepResult::findings: schedules like it
    bool finds = false;                              ///< it ends with the next one of SweepResult::findings

    bool operator==(const Stretch&) const = default;
};

/// The schedules of one length.
struct Level {
    std::uint64_t schedules = 0;  ///< run
    std::uint64_t pruned = 0;     ///< not run, since one that was run is the same
    /// The counts above, divided. Empty without SweepOptions::max_findings, and for schedules without events.
    std::vector<Stretch> stretches{};
    /// Extremes of the runs that hold. Empty for a level that SweepOptions::max_findings ended, since a shard does not
    /// know where the others end.
    Extremes extremes{};

    bool operator==(const Level&) const = default;
};

/// How far a sweep got that ran out of budget, in boundaries of the run without events: those that had all schedules
/// of `depth` events whose first event is delivered there.
struct Coverage {
    unsigned depth = 0;
    std::uint64_t boundaries = 0;
    std::uint64_t of = 0;

    bool operator==(const Coverage&) const = default;
};

struct SweepResult {
    Shard shard;
    std::uint64_t boundaries = 0;  ///< of the run without events
    std::uint64_t schedules = 0;   ///< run
    std::uint64_t pruned = 0;      ///< not run, since one that was run is the same
    unsigned depth = 0;            ///< events in the longest schedules swept
    std::vector<Level> levels;     ///< the same by the number of events, from 0 to `depth`
    /// The schedules of `depth` events that break something, in the order of the sweep; no shorter one does. Of those
    /// that are alike (same window, same events on the same symbols, the last on the same instruction) only the first
    /// is here.
    std::vector<Finding> findings;
    bool interrupted = false;
    std::optional<Coverage> not_exhaustive;  ///< set if the budget ended it
    /// SweepOptions::max_findings, if that ended the sweep. All counts then include the schedules up to the first one
    /// of the last finding.
    std::optional<std::uint64_t> stopped_after;

    bool operator==(const SweepResult&) const = default;
};

/// Returns the extremes of all levels of a sweep.
[[nodiscard]] Extremes extremes_of(const SweepResult& sweep);

}  // namespace gatecrash::sweep
