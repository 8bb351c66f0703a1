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

/// The progress of a sweep, for a progress line.
struct Progress {
    unsigned level = 0;          ///< number of events in the current schedules
    std::uint64_t boundary = 0;  ///< where the first event is delivered
    std::uint64_t boundaries = 0;
    std::uint64_t schedules = 0;  ///< run so far
    std::uint64_t findings = 0;
    std::uint64_t block = 0;  ///< the block of the first event's boundary, as Shard::block_of() counts; never decreases
};

/// The state of a sweep between two schedules. The rest of the sweep depends only on this, the guest and the options.
struct Checkpoint {
    SweepResult result;               ///< the result so far
    Position next;                    ///< the schedule to run next
    std::vector<std::string> broken;  ///< the schedules that the findings' counts include
    bool block_holds = true;          ///< nothing has broken so far in the current block of boundaries

    bool operator==(const Checkpoint&) const = default;
};

struct SweepOptions {
    std::vector<vm::Event> events;
    unsigned depth = 1;  ///< maximum number of events in a schedule
    bool prune = true;
    /// The events land in this order: each schedule begins with the first of `events`. Then `depth` is at most their
    /// number, and an event may occur several times.
    bool in_order = false;
    /// Restricts where events land. If a range is for an event's kind or for all kinds, the event lands only in such
    /// ranges.
    std::vector<SymbolRange> window;
    Shard shard;
    vm::StepperKind stepper = vm::StepperKind::trap_flag;
    std::function<void(const Progress&)> progress;
    std::function<void(const Finding&)> found;  ///< called with each new entry of SweepResult::findings
    /// Called with SweepResult::boundaries before the first event lands. This costs a stepped run of each window. Not
    /// called if `depth` is 0 or the run without events breaks.
    std::function<void(std::uint64_t)> counted;
    /// If this is set, the sweep ends before its next run.
    const std::atomic<bool>* stop = nullptr;
    std::uint64_t budget = 0;  ///< maximum number of schedules to run; 0: no limit
    /// Maximum number of SweepResult::findings; 0: no limit. The sweep stops at the first schedule of the last finding.
    std::uint64_t max_findings = 0;
    std::optional<Checkpoint> from;  ///< a checkpoint of the same sweep, which continues from there
    /// Called before each schedule, with a function that makes the checkpoint of that moment in some microseconds. A
    /// sweep that resumes from that checkpoint gives the same result as this one.
    std::function<void(const std::function<Checkpoint()>&)> at_schedule;
    /// Also examines every N-th schedule that holds, step by step; 0: none. The sweep throws vm::MachineFault if a step
    /// looks wrong: for a correct design, that step would be a false explanation of whatever breaks.
    std::uint64_t examine_each = 0;
    /// Also keeps what only a report with details shows: the traces of the first findings, and the instructions of the
    /// protected code. The first shard has those.
    bool with_details = false;
    /// Counts the time of each phase of the sweep; may be null.
    PhaseClock* clock = nullptr;
};

/// Runs every schedule of 0, 1, ... `depth` events on `subject`, up to and including the first length at which
/// something breaks. Throws ScheduleError for a window symbol that the subject lacks, and vm::MachineFault for a fault
/// that the guest did not cause.
[[nodiscard]] SweepResult sweep(Subject& subject, const SweepOptions& options);
/// Sweeps one of our own guests, which has just been booted. Throws as above.
[[nodiscard]] SweepResult sweep(vm::Guest& guest, const SweepOptions& options);

}  // namespace gatecrash::sweep
