#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "sweep/check/invariant.hpp"
#include "sweep/check/kept_state.hpp"
#include "sweep/check/log_check.hpp"
#include "sweep/schedule.hpp"
#include "vm/guest.hpp"

namespace gatecrash::sweep {

/// A stretch of a guest's run that is swept: from one of the workload's BEGIN doorbells to the next END.
struct Window {
    vm::Snapshot begin;                ///< behind BEGIN; the opening event has not landed
    std::optional<vm::Event> opening;  ///< what the workload asked to arrive there
    bool round_trip = false;           ///< at END the registers are to be as they are in `begin`
    std::uint64_t log_head = 0;        ///< records in the log ring at BEGIN
    std::optional<vm::Snapshot> end;   ///< how the run without events ends; empty while that is not known
    std::set<std::uint32_t> vectors;   ///< that the run without events takes
    std::map<std::uint32_t, std::uint64_t> nesting_limits;  ///< as in LogExpectation
    /// States that the run without events has at CPL 3; empty while they are not known.
    std::optional<std::vector<KeptState>> user;
};

/// Runs freely a guest that is known, or believed, to stop: goes on when the watchdog interrupts it, so many times (50
/// are about a second of host time), unless it is seen to go round in circles.
[[nodiscard]] vm::Outcome run_patiently(vm::Guest& guest, int patience = 50);

/// Runs freely to the next BEGIN. Empty at DONE. Throws vm::ImageError if the guest does anything else.
[[nodiscard]] std::optional<Window> next_window(vm::Guest& guest);

/// Puts the guest at the beginning of `window`, its opening event landed.
void open_window(vm::Guest& guest, const Window& window);

[[nodiscard]] std::uint64_t log_head(vm::Guest& guest);
/// The vectors that handler bodies logged since the window began.
[[nodiscard]] std::set<std::uint32_t> vectors_since(vm::Guest& guest, const Window& window);

/// Refuses a workload that left END out: throws vm::ImageError if a run without events ended with another
/// doorbell.
void check_end(vm::Guest& guest, const vm::Outcome& outcome);

/// Checks a run that ended with `outcome`, in which `landed` landed besides the opening event. The guest is as the
/// run left it. Not for StillRunning.
[[nodiscard]] RunFindings check_run(vm::Guest& guest, const Window& window, const vm::Outcome& outcome,
                                    const std::vector<LandedEvent>& landed);

/// Checks what the handler bodies have logged so far in a run that goes on.
[[nodiscard]] std::vector<RunViolation> check_log_so_far(vm::Guest& guest, const Window& window,
                                                         const std::vector<LandedEvent>& landed);

/// Returns what a guest calls exit_work, which has to be done before a return to CPL 3; 0 for a guest without it.
[[nodiscard]] std::uint64_t exit_work(vm::Guest& guest);

/// Returns the name of the first canary that is overwritten, such as "top of stack nmi". Empty if none is.
[[nodiscard]] std::string overwritten_canary(vm::Guest& guest);

/// A boundary that a run reaches: the instruction at `rip` is about to execute.
struct Reached {
    vm::Virtual rip{};
    unsigned hit = 1;         ///< as Boundary::hit
    std::uint64_t index = 0;  ///< as Boundary::index
};

/// Returns the boundary with the nearest symbol, as schedules name it, and with its index.
[[nodiscard]] Boundary boundary_of(const vm::SymbolTable& symbols, const Reached& reached);

/// Counts how often each instruction is about to execute.
class HitCounter {
  public:
    /// Counts the boundary before the instruction at `rip`, and returns it.
    Reached reach(vm::Virtual rip) { return {rip, ++hits_[number(rip)], index_++}; }
    /// An event landed: counting starts again.
    void restart() {
        hits_.clear();
        index_ = 0;
    }

  private:
    std::unordered_map<std::uint64_t, unsigned> hits_;
    std::uint64_t index_ = 0;
};

/// Lands the events of a schedule on their boundaries.
class ScheduleLander {
  public:
    /// `hits` is the counter as it stands where the run begins.
    ScheduleLander(const std::vector<Landing>& schedule, HitCounter hits)
        : schedule_(&schedule), hits_(std::move(hits)) {}

    /// At each boundary, in order.
    std::optional<vm::Event> operator()(vm::Guest& guest);
    /// The first boundary that was not reached, or null.
    [[nodiscard]] const Boundary* missed() const {
        return next_ == schedule_->size() ? nullptr : &(*schedule_)[next_].boundary;
    }
    [[nodiscard]] std::size_t landed() const { return next_; }
    [[nodiscard]] const HitCounter& hits() const { return hits_; }

  private:
    [[nodiscard]] bool is_wanted(const vm::SymbolTable& symbols, const Reached& here) const;

    const std::vector<Landing>* schedule_;
    HitCounter hits_;
    std::size_t next_ = 0;
};

}  // namespace gatecrash::sweep
