#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sweep/merge.hpp"
#include "sweep/phase_clock.hpp"
#include "sweep/position.hpp"
#include "sweep/result.hpp"
#include "sweep/subject.hpp"
#include "vm/guest.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::sweep {

/// For a progress line.
struct Progress {
    unsigned level = 0;          ///< events a schedule at the moment
    std::uint64_t boundary = 0;  ///< the first event's
    std::uint64_t boundaries = 0;
    std::uint64_t schedules = 0;  ///< run so far
    std::uint64_t findings = 0;
    std::uint64_t block = 0;  ///< of the first event's boundary, as Shard::block_of() counts; never decreases
};

/// A sweep between two schedules: with the guest and the options, all that its rest depends on.
struct Checkpoint {
    SweepResult result;               ///< so far
    Position next;                    ///< the schedule to run next
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
    /// Called before each schedule, with what makes the checkpoint of that moment: a call of it takes some
    /// microseconds, and the sweep that goes on from there gives what this one gives.
    std::function<void(const std::function<Checkpoint()>&)> at_schedule;
    /// Examines every N-th schedule that holds as well, step by step; 0: none. The sweep throws vm::MachineFault
    /// if a step looks wrong. For a design that is right, that would be a false explanation of whatever it breaks.
    std::uint64_t examine_each = 0;
    /// Counts the time of each phase of the sweep; may be null.
    PhaseClock* clock = nullptr;
};

/// Runs every schedule of 0, 1, ... `depth` events on `subject`, up to and including the first length at which
/// something breaks. Throws ScheduleError for a window symbol that the subject lacks, vm::MachineFault for what is not
/// the guest's doing.
[[nodiscard]] SweepResult sweep(Subject& subject, const SweepOptions& options);
/// The same on one of our own guests, which has just been booted.
[[nodiscard]] SweepResult sweep(vm::Guest& guest, const SweepOptions& options);

}  // namespace gatecrash::sweep
