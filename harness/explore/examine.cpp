#include "examine.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "frame_tracker.hpp"
#include "loop_detector.hpp"
#include "walker.hpp"

namespace gatecrash::explore {
namespace {

using machine::Machine;

/// Far more than any run that ends takes, and few enough to be over in seconds on an emulated machine.
constexpr std::uint64_t max_instructions = 8'000;

/// The kernel, on the user's page tables, used what only its own map: a fault that no handler can put right, as its
/// body is not mapped either.
std::optional<Violation> wrong_page_tables(Machine& machine, const machine::Step& step) {
    const auto& sregs = machine.cpu().sregs();
    const machine::Physical root{sregs.cr3 & machine::cr3_address};
    if (step.delivered != GATECRASH_VECTOR_PF || root != machine.memory().user_page_table_root()) return std::nullopt;
    const auto* segment = machine.image().segment_at(machine::Virtual{sregs.cr2});
    const auto frame = pushed_frame(machine, GATECRASH_VECTOR_PF);
    if (segment == nullptr || segment->entry_area || !frame || frame->is_to_user()) return std::nullopt;
    const auto& symbols = machine.image().symbols;
    return Violation{Invariant::page_tables, fmt::format("{} uses {} on the user's page tables, which do not map it",
                                                         symbols.name_of(machine::Virtual{frame->rip}),
                                                         symbols.name_of(machine::Virtual{sregs.cr2}))};
}

class Examiner {
  public:
    Examiner(Machine& machine, const Window& window, machine::Stepper& stepper, Observer* observer)
        : machine_(machine), window_(window), stepper_(stepper), observer_(observer), frames_(machine.image()) {}

    Examination run(ScheduleLander& lander) {
        machine_.memory().repair_page_tables();  // the run before this one may have been hostile
        open_window(machine_, window_);
        if (observer_ != nullptr && window_.opening) observer_->lands(machine_, *window_.opening);
        {
            Walker walker(machine_, stepper_);
            if (machine_.delivery_due()) step(walker);
            while (!done()) {
                while (const auto event = lander(machine_)) {
                    land(*event);
                    if (machine_.has_trap()) step(walker);
                    if (!done() && machine_.delivery_due()) step(walker);
                    if (done()) break;
                }
                if (done()) break;
                step(walker);
                looping_ = looping_ || detector_.repeats(machine_) || walker.steps() >= max_instructions;
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
        if (auto violation = wrong_page_tables(machine_, step)) result_.violations.push_back(*violation);
        if (observer_ != nullptr) observer_->after_step(machine_, step);
        end_ = step.end;
        if (end_ == machine::Outcome{machine::StillRunning{}}) {  // inside one instruction
            end_.reset();
            looping_ = true;
        }
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
    LoopDetector detector_{64};
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
