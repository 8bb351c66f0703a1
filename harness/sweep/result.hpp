// The result of a sweep.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sweep/check/invariant.hpp"
#include "sweep/extremes.hpp"
#include "sweep/outcome_map.hpp"
#include "sweep/schedule.hpp"
#include "sweep/shard.hpp"
#include "vm/code_set.hpp"

namespace gatecrash::sweep {

/// A schedule that breaks an invariant, and the evidence.
struct Finding {
    Schedule schedule;
    Violation violation;
    std::vector<Invariant> also;       ///< further invariants that the same run breaks
    std::uint64_t schedules = 1;       ///< number of schedules that are alike: see SweepResult::findings
    std::uint64_t window = 0;          ///< index among the guest's windows, from 0
    std::uint64_t order = 0;           ///< place in the order of the sweep, smaller ones first: see merge()
    std::uint64_t block = 0;           ///< the block of the first event's boundary, as Shard::block_of() counts
    std::vector<std::string> trace{};  ///< lines of its examination, if SweepOptions::with_details asked for them

    bool operator==(const Finding&) const = default;
};

/// Number of findings of a sweep that keep their traces.
constexpr std::size_t most_traced = 3;

/// Returns the finding for `violations`, of which there is at least one. The first of them broke first.
[[nodiscard]] Finding finding_of(Schedule schedule, std::span<const Violation> violations);

/// Successive schedules of one length and one block. A stretch ends with the first schedule of a new finding, or with
/// its block. A merge drops only whole stretches, so a sweep stops at the same schedule however many workers share it.
struct Stretch {
    std::uint64_t block = 0;
    std::uint64_t schedules = 0, pruned = 0;         ///< see Level
    std::map<std::uint64_t, std::uint64_t> alike{};  ///< how many schedules are like an earlier finding, by index in
                                                     ///< SweepResult::findings
    bool finds = false;                              ///< it ends with the next one of SweepResult::findings

    bool operator==(const Stretch&) const = default;
};

/// The schedules of one length.
struct Level {
    std::uint64_t schedules = 0;  ///< schedules that were run
    std::uint64_t pruned = 0;     ///< not run, because an equivalent one was run
    /// The counts above, for each stretch. Empty without SweepOptions::max_findings, and for schedules without events.
    std::vector<Stretch> stretches{};
    /// Extremes of the runs that hold. Empty for a level that SweepOptions::max_findings ended, since a shard does not
    /// know where the others end.
    Extremes extremes{};
    /// Instructions of the protected code that were executed, but not before this level in this sweep. Empty for the
    /// same levels as the extremes.
    vm::CodeSet executed{};

    bool operator==(const Level&) const = default;
};

/// The progress of a sweep whose budget ran out, in boundaries of the run without events. A boundary counts if all
/// schedules of `depth` events were run whose first event is delivered there.
struct Coverage {
    unsigned depth = 0;
    std::uint64_t boundaries = 0;
    std::uint64_t of = 0;

    bool operator==(const Coverage&) const = default;
};

struct SweepResult {
    Shard shard;
    std::uint64_t boundaries = 0;  ///< boundaries of the run without events
    std::uint64_t schedules = 0;   ///< schedules that were run
    std::uint64_t pruned = 0;      ///< not run, because an equivalent one was run
    unsigned depth = 0;            ///< number of events in the longest schedules swept
    std::vector<Level> levels;     ///< the same counts for each number of events, from 0 to `depth`
    /// The schedules of `depth` events that break something, in the order of the sweep. No shorter schedule breaks
    /// anything. If several are alike (same window, same events on the same symbols, the last on the same instruction),
    /// only the first is kept.
    std::vector<Finding> findings;
    bool interrupted = false;
    std::string code{};                      ///< ProtectedCode::identity of what was swept; may be empty
    std::optional<Coverage> not_exhaustive;  ///< set if the budget ended the sweep
    /// Set to SweepOptions::max_findings, if that limit ended the sweep. Then all counts end with the first schedule of
    /// the last finding.
    std::optional<std::uint64_t> stopped_after;
    std::vector<MapPlace> instructions{};  ///< of the protected code, if SweepOptions::with_details asked for them
    OutcomeMap map{};                      ///< the outcomes of schedules of one and of two events

    bool operator==(const SweepResult&) const = default;
};

/// Returns the extremes of all levels of a sweep.
[[nodiscard]] Extremes extremes_of(const SweepResult& sweep);
/// Returns the instructions of the protected code that a sweep has executed.
[[nodiscard]] vm::CodeSet executed_by(const SweepResult& sweep);

}  // namespace gatecrash::sweep
