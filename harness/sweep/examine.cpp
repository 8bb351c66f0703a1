#include "sweep/examine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "sweep/check/end_check.hpp"
#include "sweep/check/frame_tracker.hpp"
#include "sweep/check/step_checks.hpp"
#include "vm/loop_detector.hpp"
#include "vm/run_patiently.hpp"
#include "vm/stepping/walker.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Guest;

/// Far more than any run that ends needs, and few enough to take only seconds on an emulated machine.
constexpr std::uint64_t max_instructions = 8'000;

/// Counts deliveries by the place that they interrupt. This shows what a run repeats, even if something else in it
/// changes.
class Repetitions {
  public:
    void count(std::uint8_t vector, std::string at) { ++counts_[{vector, std::move(at)}]; }
    /// Says what repeats, such as "vector 11 comes again and again at pop_ds (63 times)". Empty if nothing does.
    [[nodiscard]] std::string describe() const {
        constexpr std::uint64_t many = 3;
        const auto most = std::ranges::max_element(counts_, {}, [](const auto& entry) { return entry.second; });
        if (most == counts_.end() || most->second < many) return "";
        return fmt::format("vector {} comes again and again at {} ({} times)", most->first.first, most->first.second,
                           most->second);
    }

  private:
    std::map<std::pair<std::uint8_t, std::string>, std::uint64_t> counts_;
};

class Examiner {
  public:
    Examiner(Guest& guest, const Window& window, vm::Stepper& stepper, Checks checks, Observer* observer)
        : guest_(guest),
          window_(window),
          stepper_(stepper),
          checks_(checks),
          observer_(observer),
          frames_(guest.image()),
          returns_(window.user) {}

    Examination run(ScheduleLander& lander) {
        guest_.memory().repair_page_tables();  // the run before this one may have overwritten them
        open_window(guest_, window_);
        canaries_.emplace(guest_);
        if (observer_ != nullptr && window_.opening) observer_->lands(guest_, *window_.opening, true);
        try {
            walk(lander);
        } catch (const vm::CannotStep& reason) {
            if (lander.missed() != nullptr) throw;
            run_the_rest();
            not_followed_ = reason.what();
        }
        conclude();
        return std::move(result_);
    }

  private:
    void walk(ScheduleLander& lander) {
        vm::Walker walker(guest_, stepper_);
        if (guest_.delivery_due()) step(walker);
        while (!done()) {
            while (const auto event = lander(guest_)) {
                land(*event);
                if (guest_.has_trap()) step(walker);
                if (!done() && guest_.delivery_due()) step(walker);
                if (done()) break;
            }
            if (done()) break;
            step(walker);
            repeats_ = repeats_ || detector_.repeats(guest_);
            looping_ = looping_ || repeats_ || walker.steps() >= max_instructions;
        }
    }

    /// Runs freely to the end. A guest that went astray may do what no stepper can follow, such as an IRET whose flags
    /// are garbage.
    void run_the_rest() {
        if (checks_ == Checks::at_each_step) {
            if (auto violation = frames_.check_return()) {
                lost_ = violation->invariant;
                observed_.push_back({std::move(*violation), result_.steps});
                return;
            }
        }
        end_ = vm::run_patiently(guest_);
        if (end_ != vm::Outcome{vm::StillRunning{}}) return;
        end_.reset();
        looping_ = true;
    }

    /// A rule that one step broke.
    struct Observed {
        Violation violation;
        std::uint64_t when;  ///< the number of the step
    };
    static constexpr auto at_end = std::numeric_limits<std::uint64_t>::max();

    /// True if the examination can stop. A lost or overwritten frame causes all that follows, so more steps would show
    /// only its effects.
    [[nodiscard]] bool done() const { return end_ || looping_ || lost_; }

    void land(vm::Event event) {
        if (observer_ != nullptr) observer_->lands(guest_, event, false);
        // A latched event is delivered later. Then note_delivery() corrects this number of log records.
        landed_.push_back({event, log_head(guest_)});
        waiting_ = waiting_ || !guest_.can_deliver(event);
        guest_.land(event);
    }

    void step(vm::Walker& walker) {
        result_.steps = walker.steps() + 1;
        if (observer_ != nullptr) observer_->before_step(guest_);
        const auto head = log_head(guest_);
        const auto rip = guest_.rip();
        noinstr_.before(guest_);
        if (checks_ == Checks::at_each_step) {
            frames_.before(guest_);
            returns_.before(guest_);
            page_tables_.before(guest_);
            canaries_->before(guest_);
        }
        const auto step = walker.step();
        if (step.delivered) note_delivery(*step.delivered, rip, head);
        // A record belongs to the step that reserved its place in the ring.
        records_.resize(std::max(records_.size(), std::min<std::uint64_t>(log_head(guest_), GATECRASH_LOG_CAPACITY)),
                        walker.steps());
        end_ = step.end;
        if (end_ == vm::Outcome{vm::StillRunning{}}) {  // the step hangs inside one instruction
            end_.reset();
            looping_ = true;
        }
        if (observer_ != nullptr) observer_->after_step(guest_, step);
        const auto known = observed_.size();
        // The end of a run does not show this rule.
        if (auto violation = noinstr_.after(guest_, step)) lose(std::move(*violation), walker.steps());
        if (checks_ == Checks::at_end) return;
        check(step, walker.steps());
        if (observer_ == nullptr) return;
        for (auto i = known; i < observed_.size(); ++i) observer_->breaks(observed_[i].violation);
        show_log_violations();
    }

    /// Shows a violation as soon as the record that proves it is complete: most rules break shortly before that.
    void show_log_violations() {
        if (log_head(guest_) == window_.log_head || is_writing_record()) return;
        for (const auto& [violation, record] : check_log_so_far(guest_, window_, landed_)) {
            if (std::ranges::find(shown_, violation) != shown_.end()) continue;
            shown_.push_back(violation);
            observer_->breaks(violation);
        }
    }

    /// True if the guest is in a function of the runtime that writes a record. A record that is half written looks as
    /// if it broke a rule.
    [[nodiscard]] bool is_writing_record() {
        const auto name = name_of_rip();
        // log_record() calls frames_are_whole().
        return name.starts_with("log_record") || name.starts_with("log_broken") || name.starts_with("frames_are_whole");
    }

    void note_delivery(std::uint8_t vector, vm::Virtual rip, std::uint64_t log_head) {
        repetitions_.count(vector, guest_.image().symbols.name_of(rip));
        if (!waiting_) return;
        for (auto& landed : landed_) {
            if (landed.event.vector == vector) landed.log_head = log_head;
        }
    }

    /// Notes a violation at which the examination stops.
    void lose(Violation violation, std::uint64_t when) {
        if (!lost_) lost_ = violation.invariant;
        observed_.push_back({std::move(violation), when});
    }

    void check(const vm::Step& step, std::uint64_t when) {
        for (auto violation :
             {frames_.after(guest_, step), page_tables_.after(guest_, step), canaries_->after(guest_, step)}) {
            if (violation) lose(std::move(*violation), when);
        }
        const auto difference = returns_.after(guest_, step, frames_.returned_to());
        if (difference) {
            auto& kept = difference->breaks_rule ? observed_ : suspected_;
            const auto invariant = [](const Observed& observed) { return observed.violation.invariant; };
            if (std::ranges::find(kept, difference->violation.invariant, invariant) == kept.end()) {
                kept.push_back({difference->violation, when});
            }
        }
        if (returns_.returned_to_user()) note_exit_work(when);
    }

    /// Suspects a return that leaves work undone. Only the end of the run decides. The work may have come up after the
    /// kernel's last check, and an interrupt of the kernel's own may still do it.
    void note_exit_work(std::uint64_t when) {
        std::erase_if(suspected_,
                      [](const Observed& suspect) { return suspect.violation.invariant == Invariant::exit_work; });
        const auto work = exit_work(guest_);
        if (work == 0) return;
        suspected_.push_back({{Invariant::exit_work, fmt::format("{} returns to user code with exit_work {:#x} undone",
                                                                 returns_.last_return(), work)},
                              when});
    }

    /// Adds a violation that the end of the run shows. If a return is suspected of breaking the same rule, that return
    /// is its cause.
    void add(RunViolation found) {
        if (found.record) {
            const auto when = *found.record < records_.size() ? records_[*found.record] : at_end;
            observed_.push_back({std::move(found.violation), when});
            return;
        }
        const auto suspect = std::ranges::find(suspected_, found.violation.invariant,
                                               [](const Observed& observed) { return observed.violation.invariant; });
        if (suspect != suspected_.end()) {
            observed_.push_back(std::move(*suspect));
            suspected_.erase(suspect);
        }
        observed_.push_back({std::move(found.violation), at_end});
    }

    void conclude() {
        const auto outcome = end_ && !lost_ ? *end_ : vm::Outcome{vm::StillRunning{}};
        const auto repeated = repetitions_.describe();
        for (auto& found : check_run(guest_, window_, outcome, landed_).violations) {
            if (found.violation.invariant == Invariant::progress && !repeated.empty()) {
                found.violation.message += "; " + repeated;
            }
            add(std::move(found));
        }
        if (looping_) {
            result_.ending =
                fmt::format("{} {}", repeats_ ? "an endless loop through" : "no end in sight at", name_of_rip());
            observed_.push_back({{Invariant::progress,
                                  "the run never ends: " + result_.ending + (repeated.empty() ? "" : "; " + repeated)},
                                 at_end});
        } else if (!end_) {
            result_.ending = fmt::format("stopped at {} ({} is broken)", name_of_rip(), to_string(*lost_));
        } else {
            result_.ending = fmt::format("{} at {}", describe(*end_), name_of_rip());
        }
        if (!not_followed_.empty()) result_.ending += "; the last part ran freely: " + not_followed_;
        result_.stopped_early = !end_;
        // The rule that broke first is the cause. If several show at the same moment, or only at the end, the one that
        // most often causes the others comes first.
        std::ranges::stable_sort(observed_, {}, [](const Observed& observed) {
            return std::pair(observed.when, causal_rank(observed.violation.invariant));
        });
        fold();
    }

    /// Folds equal messages into one violation with a count.
    void fold() {
        std::vector<std::uint64_t> counts;
        for (auto& [violation, when] : observed_) {
            const auto same = std::ranges::find(result_.violations, violation);
            if (same != result_.violations.end()) {
                ++counts[static_cast<std::size_t>(same - result_.violations.begin())];
            } else {
                result_.violations.push_back(std::move(violation));
                counts.push_back(1);
            }
        }
        for (std::size_t i = 0; i < counts.size(); ++i) {
            if (counts[i] > 1) result_.violations[i].message += fmt::format(" ({} times)", counts[i]);
        }
    }

    std::string name_of_rip() { return guest_.image().symbols.name_of(guest_.rip()); }

    Guest& guest_;
    const Window& window_;
    vm::Stepper& stepper_;
    Checks checks_;
    Observer* observer_;
    FrameTracker frames_;
    ReturnCheck returns_;
    PageTableCheck page_tables_;
    NoinstrCheck noinstr_;
    std::optional<CanaryCheck> canaries_;
    Repetitions repetitions_;
    vm::LoopDetector detector_{64};
    Examination result_;
    std::vector<Observed> observed_;
    std::vector<Observed> suspected_;     ///< returns at which a value differed
    std::optional<Invariant> lost_;       ///< the rule that stopped the run early
    std::vector<std::uint64_t> records_;  ///< for each log record: the number of the step that added it
    std::vector<LandedEvent> landed_;
    std::vector<Violation> shown_;  ///< violations in the log that the observer has seen
    bool waiting_ = false;          ///< an event landed where it could not be delivered
    bool repeats_ = false;          ///< the run came back to an earlier state
    bool looping_ = false;
    std::string not_followed_;  ///< why the end of the run was not stepped; empty: it was
    std::optional<vm::Outcome> end_;
};

}  // namespace

void learn_user_states(Guest& guest, Window& window, vm::Stepper& stepper) {
    guest.memory().repair_page_tables();
    open_window(guest, window);
    vm::Walker walker(guest, stepper);
    std::vector<KeptState> states;
    auto step = walker.settle();
    while (!step.end) {
        if (guest.cpl() == 3) {
            const auto state = kept_state(guest);
            if (std::ranges::find(states, state) == states.end()) states.push_back(state);
        }
        step = walker.step();
    }
    if (step.end != vm::Outcome{vm::Doorbell{GATECRASH_PORT_END}}) {
        throw vm::MachineFault("the run without events ends differently when stepped than when run freely\n" +
                               guest.dump());
    }
    window.user = std::move(states);
}

Examination examine(Guest& guest, const Window& window, vm::Stepper& stepper, ScheduleLander& lander, Checks checks,
                    Observer* observer) {
    return Examiner(guest, window, stepper, checks, observer).run(lander);
}

}  // namespace gatecrash::sweep
