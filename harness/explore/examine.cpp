#include "examine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "frame_tracker.hpp"
#include "walker.hpp"

namespace gatecrash::explore {
namespace {

using machine::Machine;

/// Proves that a run goes round in circles, by Brent's method: keeps one earlier state, a later one each time the
/// number of steps doubles, and compares. Equal states have equal futures.
class LoopDetector {
  public:
    /// At each boundary. True if the guest was in this very state before.
    bool repeats(Machine& machine) {
        const bool again = kept_ && same_registers(machine) && machine.memory().equals(kept_->pages);
        if (++steps_ == next_kept_) {
            kept_ = machine.snapshot(kept_ ? &*kept_ : nullptr);
            next_kept_ *= 2;
        }
        return again;
    }

  private:
    [[nodiscard]] bool same_registers(Machine& machine) const {
        const auto& regs = machine.cpu().regs();
        if (std::memcmp(&regs, &kept_->regs, sizeof regs) != 0) return false;
        const auto& now = machine.cpu().sregs();
        const auto& then = kept_->sregs;
        const auto& events = machine.cpu().events();
        return now.cs.selector == then.cs.selector && now.ss.selector == then.ss.selector &&
               now.gs.base == then.gs.base && now.cr2 == then.cr2 && now.cr3 == then.cr3 &&
               events.nmi.masked == kept_->events.nmi.masked && events.nmi.pending == kept_->events.nmi.pending &&
               machine.kernel_gs_base() == kept_->msrs[0];
    }

    std::optional<machine::Snapshot> kept_;
    std::uint64_t steps_ = 0, next_kept_ = 64;
};

/// Far more than any run that ends takes, and few enough to be over in seconds on an emulated machine.
constexpr std::uint64_t max_instructions = 20'000;

class Examiner {
  public:
    Examiner(Machine& machine, const Window& window, machine::Stepper& stepper, Observer* observer)
        : machine_(machine), window_(window), stepper_(stepper), observer_(observer), frames_(machine.image()) {}

    Examination run(ScheduleLander& lander) {
        open_window(machine_, window_);
        if (observer_ != nullptr && window_.opening) observer_->lands(machine_, *window_.opening);
        {
            Walker walker(machine_, stepper_);
            if (machine_.delivery_due()) step(walker);
            while (!done()) {
                while (const auto event = lander(machine_)) {
                    land(*event);
                    if (machine_.delivery_due()) step(walker);
                    if (done()) break;
                }
                if (done()) break;
                step(walker);
                looping_ = detector_.repeats(machine_) || walker.steps() >= max_instructions;
            }
            result_.steps = walker.steps();
        }
        conclude();
        return std::move(result_);
    }

  private:
    /// A frame that is lost is the cause of all that follows; going on would show nothing but that.
    [[nodiscard]] bool done() const { return end_ || looping_ || !result_.violations.empty(); }

    void land(machine::Event event) {
        if (observer_ != nullptr) observer_->lands(machine_, event);
        // Latched, it is delivered later; until then its number of log records is that of the latest boundary.
        landed_.push_back({event, log_head(machine_)});
        waiting_ = waiting_ || !machine_.can_deliver(event);
        machine_.land(event);
    }

    void step(Walker& walker) {
        if (observer_ != nullptr) observer_->before_step(machine_);
        const auto head = log_head(machine_);
        frames_.before(machine_);
        const auto step = walker.step();
        if (waiting_ && step.delivered) {
            for (auto& landed : landed_) {
                if (landed.event.vector == *step.delivered) landed.log_head = head;
            }
        }
        if (auto violation = frames_.after(machine_, step)) result_.violations.push_back(*violation);
        if (observer_ != nullptr) observer_->after_step(machine_, step);
        end_ = step.end;
    }

    void conclude() {
        if (end_ || looping_) {
            const auto found = check_run(machine_, window_, end_.value_or(machine::StillRunning{}), landed_);
            result_.violations.insert(result_.violations.end(), found.begin(), found.end());
        }
        if (end_) {
            result_.ending = fmt::format("{} at {}", describe(*end_), name_of_rip());
        } else if (looping_) {
            result_.ending = fmt::format("an endless loop through {}", name_of_rip());
            result_.violations.push_back({Invariant::progress, "the run never ends: " + result_.ending});
        } else {
            result_.ending = fmt::format("a lost frame at {}", name_of_rip());
        }
        result_.stopped_early = !end_;
    }

    std::string name_of_rip() { return machine_.image().symbols.name_of(machine_.rip()); }

    Machine& machine_;
    const Window& window_;
    machine::Stepper& stepper_;
    Observer* observer_;
    FrameTracker frames_;
    LoopDetector detector_;
    Examination result_;
    std::vector<LandedEvent> landed_;
    bool waiting_ = false;  ///< an event landed that could not be delivered there
    bool looping_ = false;
    std::optional<machine::Outcome> end_;
};

}  // namespace

Examination examine(Machine& machine, const Window& window, machine::Stepper& stepper, ScheduleLander& lander,
                    Observer* observer) {
    return Examiner(machine, window, stepper, observer).run(lander);
}

}  // namespace gatecrash::explore
