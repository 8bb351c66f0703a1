#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sweep/check/invariant.hpp"
#include "sweep/extremes.hpp"
#include "sweep/phase_clock.hpp"
#include "sweep/schedule.hpp"
#include "vm/guest.hpp"
#include "vm/stepping/stepper.hpp"

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

/// One of `count` parts of a sweep, which have no schedule in common and all of them together. The boundaries of the
/// run without events are dealt out in blocks, by turns, and a schedule is of the shard of the boundary where its first
/// event is delivered; the empty schedule is of the first.
struct Shard {
    unsigned index = 1;  ///< from 1
    unsigned count = 1;

    /// Boundaries of one block. Only within a block are schedules compared with each other, so that what is pruned does
    /// not depend on the shards. Larger ones would prune more, and smaller ones be dealt out more evenly.
    static constexpr std::uint64_t block_size = 16;
    [[nodiscard]] static constexpr std::uint64_t block_of(std::uint64_t boundary) { return boundary / block_size; }

    /// Returns whether it has any boundary of a sweep with so many `boundaries`.
    [[nodiscard]] bool has_any_of(std::uint64_t boundaries) const { return boundaries > (index - 1) * block_size; }
    [[nodiscard]] bool has(std::uint64_t boundary) const { return block_of(boundary) % count == index - 1; }
    [[nodiscard]] bool is_whole() const { return count == 1; }
    bool operator==(const Shard&) const = default;
};

/// "1/3".
[[nodiscard]] std::string to_string(Shard shard);
/// Of what to_string() makes; empty if it is none.
[[nodiscard]] std::optional<Shard> parse_shard(std::string_view text);

/// For a progress line.
struct Progress {
    unsigned level = 0;          ///< events a schedule at the moment
    std::uint64_t boundary = 0;  ///< the first event's
    std::uint64_t boundaries = 0;
    std::uint64_t schedules = 0;  ///< run so far
    std::uint64_t findings = 0;
    std::uint64_t block = 0;  ///< of the first event's boundary, as Shard::block_of() counts; never decreases
};

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

/// A sweep between two schedules: with the guest and the options, all that its rest depends on.
struct Checkpoint {
    SweepResult result;  ///< so far
    /// The schedule to run next: the window, then for each event where on its path it is delivered, counting events
    /// within boundaries, and at which of the boundaries that it is delivered from it lands.
    std::vector<std::uint64_t> next;
    std::vector<std::string> broken;  ///< the schedules that the findings' counts have in them
    bool block_holds = true;          ///< nothing broke so far in the block of boundaries that it is in

    bool operator==(const Checkpoint&) const = default;
};

struct SweepOptions {
    std::vector<vm::Event> events;
    unsigned depth = 1;  ///< the most events in a schedule
    bool prune = true;
    /// An event lands only on boundaries in one of those that are for its kind or for all, if there are any.
    std::vector<SymbolRange> window;
    Shard shard;
    vm::StepperKind stepper = vm::StepperKind::trap_flag;
    std::function<void(const Progress&)> progress;
    std::function<void(const Finding&)> found;  ///< called with each new entry of SweepResult::findings
    /// Called with SweepResult::boundaries before the first event lands. This costs a stepped run of each window. Not
    /// called if `depth` is 0 or the run without events breaks.
    std::function<void(std::uint64_t)> counted;
    /// Looked at between two runs: set, the sweep ends early.
    const std::atomic<bool>* stop = nullptr;
    std::uint64_t budget = 0;  ///< limit of schedules to run; 0: none
    /// Limit of SweepResult::findings, 0 for none. The sweep stops at the first schedule of the last finding.
    std::uint64_t max_findings = 0;
    std::optional<Checkpoint> from;  ///< of the same sweep: goes on from there
    /// Called in front of each schedule, with what makes the checkpoint of that moment: a call of it takes some
    /// microseconds, and the sweep that goes on from there gives what this one gives.
    std::function<void(const std::function<Checkpoint()>&)> at_schedule;
    /// Examines every N-th schedule that holds as well, step by step; 0: none. The sweep throws vm::MachineFault
    /// if a step looks wrong. For a design that is right, that would be a false explanation of whatever it breaks.
    std::uint64_t examine_each = 0;
    /// Counts the time of each phase of the sweep; may be null.
    PhaseClock* clock = nullptr;
};

/// Returns the extremes of all levels of a sweep.
[[nodiscard]] Extremes extremes_of(const SweepResult& sweep);

/// Runs every schedule of 0, 1, ... `depth` events on `guest`, which has just been booted, up to and
/// including the first length at which something breaks. Throws ScheduleError for a window symbol that the guest lacks,
/// vm::MachineFault for what is not the guest's doing.
[[nodiscard]] SweepResult sweep(vm::Guest& guest, const SweepOptions& options);

/// What the sweep of which `shards` are all the shards gives as a whole. A shard does not know at which length another
/// one finds something, so merge() drops the results of longer schedules. Nor does it know how many findings others
/// have: with `max_findings`, which has to be that of the shards, merge() drops everything after the last finding that
/// counts.
[[nodiscard]] SweepResult merge(std::span<const SweepResult> shards, std::uint64_t max_findings = 0);

/// Returns the last block that a sweep can need if its shards have found `findings`, all of the same length. Empty if
/// these are too few to stop it.
[[nodiscard]] std::optional<std::uint64_t> last_block(std::span<const Finding> findings, std::uint64_t max_findings);

/// Returns whether a result keeps only the first of the two: see SweepResult::findings.
[[nodiscard]] bool are_alike(const Finding& one, const Finding& other);

}  // namespace gatecrash::sweep
