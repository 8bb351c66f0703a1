#include "sweep/guest_subject.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "sweep/code_places.hpp"
#include "sweep/examine.hpp"
#include "sweep/trace/observer.hpp"
#include "vm/loop_detector.hpp"
#include "vm/run_patiently.hpp"
#include "vm/stepping/walker.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Event;
using vm::Guest;
using vm::Virtual;

const vm::Outcome window_end = vm::Doorbell{GATECRASH_PORT_END};

}  // namespace

struct GuestSubject::GuestPoint : Point {
    GuestPoint(const Reached& reached, vm::Snapshot state, std::uint64_t log_head, bool after_faulting_iret)
        : Point(reached), state(std::move(state)), log_head(log_head), after_faulting_iret(after_faulting_iret) {}

    vm::Snapshot state;
    std::uint64_t log_head;
    bool after_faulting_iret;
    StateDigest digest{};  ///< only set if states are compared
};

const GuestSubject::GuestPoint& GuestSubject::of(const Point& point) { return static_cast<const GuestPoint&>(point); }

GuestSubject::GuestSubject(Guest& guest, vm::StepperKind stepper, std::span<const Event> events, PhaseClock* clock)
    : guest_(guest),
      clock_(clock),
      watches_(std::ranges::any_of(events, vm::arms_watchpoint)),
      stepper_(vm::make_stepper(stepper, guest)),
      stacks_(guest.image()),
      met_(guest) {
    if (watches_) guest.expect_watchpoints();
    guest.record_code();
}

GuestSubject::~GuestSubject() {
    try {
        guest_.stop_recording();
    } catch (const std::exception&) {  // a fault that ended the sweep was reported before
    }
}

// --- windows ---------------------------------------------------------------------------------------------------------

bool GuestSubject::find_window() {
    guest_.recorder()->show();  // code between windows is not swept
    found_ = next_window(guest_);
    guest_.recorder()->hide();
    if (!found_) return false;
    begin({});
    check_end(guest_, run_recorded({}, [this] { return vm::run_patiently(guest_); }));
    begin({});
    return true;
}

void GuestSubject::keep_window() {
    begin({});
    const auto start = std::chrono::steady_clock::now();
    if (run_recorded({}, [this] { return vm::run_patiently(guest_); }) != window_end) {
        throw vm::MachineFault("the same run ended in two different ways\n" + guest_.dump());
    }
    longest_ = std::max(longest_, std::chrono::steady_clock::now() - start);
    found_->end = guest_.snapshot();
    found_->vectors = vectors_since(guest_, *found_);
    windows_.push_back(std::move(*found_));
}

void GuestSubject::finish_windows() {
    guest_.expect_runs_of(std::chrono::duration_cast<std::chrono::microseconds>(longest_));
    if (windows_.empty()) {
        throw vm::ImageError(guest_.image().name + ": the guest rings DONE without any window (BEGIN ... END)");
    }
}

// --- paths -----------------------------------------------------------------------------------------------------------

Path GuestSubject::path_of(std::size_t window, HitCounter& hits) {
    const auto counted_before = hits;
    return guest_.new_pages().repeat([&] {
        hits = counted_before;
        open_window(guest_, windows_[window]);
        return discover(hits, *windows_[window].end, false);
    });
}

Path GuestSubject::path_after(const Point& from, Event event, const Point& to, bool compare) {
    const auto phase = during(Phase::injecting);
    begin({&from, event, &to});
    (void)run_recorded(start_, [this] { return early_end_ ? *early_end_ : vm::run_patiently(guest_); });
    const auto end = guest_.snapshot();
    return guest_.new_pages().repeat([&] {
        guest_.restore(of(from).state);
        guest_.land(event);
        HitCounter hits;
        return discover(hits, end, compare);
    });
}

bool GuestSubject::can_land(Event event, const Point& at) const { return guest_.can_land(event, of(at).state); }

bool GuestSubject::can_deliver(Event event, const Point& at) const {
    const auto& state = of(at).state;
    return vm::can_deliver(state.regs, state.events, event);
}

/// Steps from the guest's state to the end of the window, and returns every boundary on the way. The end must equal
/// that of the free run, so each sweep proves that stepping changes nothing. If an event waits, the boundaries begin
/// where it is delivered, and counting starts there: no other event lands before that.
Path GuestSubject::discover(HitCounter& hits, const vm::Snapshot& free_end, bool with_digests) {
    const auto phase = during(Phase::stepping);
    Path path;
    {
        vm::Walker walker(guest_, *stepper_);
        auto step = walker.settle();
        bool faulted = false;
        const GuestPoint* previous = nullptr;
        while (!step.end && (guest_.has_latched_nmi() || guest_.has_latched_irq())) step = walker.step();
        while (!step.end) {
            auto point = std::make_unique<GuestPoint>(hits.reach(guest_.rip()),
                                                      guest_.snapshot(previous == nullptr ? nullptr : &previous->state),
                                                      log_head(guest_), faulted);
            if (with_digests) {
                point->digest = previous == nullptr
                                    ? digest_of(guest_.memory(), point->state)
                                    : digest_of(guest_.memory(), point->state, previous->state.pages, previous->digest);
            }
            previous = point.get();
            path.push_back(std::move(point));
            const auto instruction = guest_.next_instruction();
            step = walker.step();
            faulted = step.delivered && instruction && instruction->kind == vm::Kind::iret;
        }
    }
    if (!same_end(free_end)) {
        fail_stepping("the guest ends differently when stepped than when run freely: " + difference(free_end));
    }
    return path;
}

// --- schedules -------------------------------------------------------------------------------------------------------

void GuestSubject::land(const Point& from, Event event, const Point& to) {
    const auto phase = during(Phase::injecting);
    begin({&from, event, &to});
}

/// Restores the guest to where a run begins, and lands its event.
void GuestSubject::begin(const Start& start) {
    (void)guest_.new_pages().take();
    start_ = start;
    early_end_.reset();
    has_left_ = false;
    if (start.from == nullptr) return open_window(guest_, *found_);
    guest_.restore(of(*start.from).state);
    guest_.land(start.event);
    early_end_ = deliver_waiting(of(*start.to));
}

/// Calls `run`, which runs the guest freely from `start`, and returns how it ended. Sets `has_left_` if the run ended
/// where it left the protected code. A run that meets new code or a new page says nothing, so it begins again.
vm::Outcome GuestSubject::run_recorded(const Start& start, const std::function<vm::Outcome()>& run) {
    for (int attempts = 0;;) {
        auto outcome = run();
        auto& recorder = *guest_.recorder();
        while (recorder.take_at_exit()) {
            has_left_ = leaves_protected_code();
            if (has_left_) break;
            outcome = run();
        }
        const bool met_page = guest_.new_pages().must_repeat(attempts);
        if (!recorder.take_met_new() && !met_page) return outcome;
        begin(start);
    }
}

/// Executes an exit of the protected code, before which the guest has stopped. True if it leads out.
bool GuestSubject::leaves_protected_code() {
    const auto step = vm::Walker(guest_, *stepper_).step();
    return !step.end && !step.delivered && !guest_.image().protected_code.contains(guest_.rip());
}

/// Steps until a trap springs, until an event is delivered that KVM would deliver at the wrong place, or to the end,
/// which it returns. KVM's interrupt window is not reliable: it opens too early if a hypervisor below loses a shadow
/// (behaviour shadow-over-entry). Its NMI window is an IRET, which KVM single-steps on a CPU without virtual NMIs. If
/// that IRET faults, the pushed frame contains TF, and the NMI comes at any later instruction.
std::optional<vm::Outcome> GuestSubject::deliver_waiting(const GuestPoint& to) {
    if (guest_.has_trap()) return vm::Walker(guest_, *stepper_).step().end;
    const bool irq = guest_.has_latched_irq() && !guest_.can_deliver(Event::irq());
    const bool nmi = guest_.has_latched_nmi() && !guest_.can_deliver(Event::nmi());
    if (!irq && !(nmi && to.after_faulting_iret)) return std::nullopt;
    vm::Walker walker(guest_, *stepper_);
    while (guest_.has_latched_irq() || guest_.has_latched_nmi()) {
        if (auto end = walker.step().end) return end;
    }
    return std::nullopt;
}

Ending GuestSubject::run(std::size_t number, std::span<const Landed> landed, Extremes& extremes) {
    const auto& window = this->window(number);
    vm::Outcome outcome;
    {
        const auto phase = during(Phase::injecting);
        bool is_proven = false;
        outcome = run_recorded(start_, [&] { return run_to_end(is_proven); });
        if (has_left_) return Ending::broken;
        if (std::holds_alternative<vm::StillRunning>(outcome)) return is_proven ? Ending::endless : Ending::unclear;
    }
    const auto phase = during(Phase::checking);
    const auto found = check_run(guest_, window, outcome, events_of(landed));
    if (!found.violations.empty()) return Ending::broken;
    if (!found.bodies_at_once.empty()) extremes.include({{}, found.bodies_at_once});
    stacks_.look(guest_, extremes);
    return Ending::held;
}

vm::Outcome GuestSubject::run_to_end(bool& is_proven) {
    auto outcome = early_end_ ? *early_end_ : guest_.run();
    if (!std::holds_alternative<vm::StillRunning>(outcome)) return outcome;
    if (clock_ != nullptr) clock_->charge(Phase::endless);
    return finish_slowly(is_proven);
}

/// Lets a run that is only slow continue to its end. An examination sees more than the end of a run, so the load of the
/// host must not decide whether one takes place.
vm::Outcome GuestSubject::finish_slowly(bool& is_proven) {
    const auto phase = during(Phase::endless);
    constexpr int patience = 10;
    const auto end = step_to_end();
    is_proven = end.has_value();
    return end ? *end : vm::run_patiently(guest_, patience);
}

/// Steps a slow run to its end, and returns that. Returns StillRunning if the run repeats an earlier state, which
/// proves that it is endless. Empty if neither happens soon.
std::optional<vm::Outcome> GuestSubject::step_to_end() {
    constexpr std::uint64_t soon = 1000;
    vm::LoopDetector detector(1);
    try {
        vm::Walker walker(guest_, *stepper_);
        while (walker.steps() < soon) {
            if (auto end = walker.step().end) return end;
            if (detector.repeats(guest_)) return vm::StillRunning{};
        }
    } catch (const vm::CannotStep&) {
        return std::nullopt;  // the run went astray, so it does not end soon
    }
    return std::nullopt;
}

std::vector<Violation> GuestSubject::examine(std::size_t number, const HitCounter& hits,
                                             const std::vector<Landing>& schedule, Ending ending,
                                             const TraceSink& trace) {
    const auto free_end = ending == Ending::broken ? std::optional(guest_.snapshot()) : std::nullopt;
    auto& window = this->window(number);
    std::vector<TraceItem> items;
    TraceSink kept{.receive = {}, .syntax = trace.syntax};
    if (trace) kept.receive = [&](const TraceItem& item) { items.push_back(item); };
    auto violations = guest_.new_pages().repeat([&] {
        items.clear();
        // Not before the run without events: it is swept first, while no window is known yet.
        if (number < windows_.size() && !window.user) learn_user_states(guest_, window, *stepper_);
        return examine_once(window, hits, schedule, ending, free_end, kept);
    });
    for (const auto& item : items) trace(item);
    return violations;
}

std::vector<Violation> GuestSubject::examine_once(const Window& window, const HitCounter& hits,
                                                  const std::vector<Landing>& schedule, Ending ending,
                                                  const std::optional<vm::Snapshot>& free_end, const TraceSink& trace) {
    ScheduleLander lander(schedule, hits);
    TraceObserver observer(guest_, trace);
    const auto examination =
        sweep::examine(guest_, window, *stepper_, lander, Checks::at_each_step, trace ? &observer : nullptr);
    if (ending == Ending::held) return examination.violations;
    if (const auto* missed = lander.missed()) {
        throw vm::MachineFault(fmt::format("the stepped run never reaches {}, which the sweep did\n{}",
                                           to_string(*missed), guest_.dump()));
    }
    if (free_end && !examination.stopped_early && !same_end(*free_end)) {
        fail_stepping(fmt::format("{} ends differently when stepped than when run freely: {}",
                                  to_string(Schedule{name(), schedule}), difference(*free_end)));
    }
    if (free_end && examination.violations.empty()) fail_stepping("broken when run freely, but not when stepped");
    return examination.violations;  // empty if the run was only slow, and the watchdog impatient
}

std::vector<MapPlace> GuestSubject::instructions() const {
    const auto& image = guest_.image();
    return code_places(image.protected_code.ranges, image.symbols,
                       image.is_64_bit() ? vm::CodeSize::bits64 : vm::CodeSize::bits32, [this](vm::Virtual at) {
                           const auto code = guest_.text_at(at);
                           return std::vector(code.begin(), code.end());
                       });
}

bool GuestSubject::is_new(std::size_t window, const Point& from, std::span<const Landed> landed, unsigned more) {
    const auto phase = during(Phase::comparing);
    const auto& at = of(from);
    const auto events = events_of(landed);
    return met_.is_new({&at.state, &at.digest, landed.back().event, &events, window, more});
}

std::vector<LandedEvent> GuestSubject::events_of(std::span<const Landed> landed) {
    std::vector<LandedEvent> events;
    events.reserve(landed.size());
    for (const auto& [event, at] : landed) events.push_back({event, of(*at).log_head});
    return events;
}

// --- stepping must be invisible --------------------------------------------------------------------------------------

/// Throws, since stepping must not change anything: a change is a fault of the harness. One exception: KVM, or QEMU
/// below it, may lose breakpoints over an exit that the guest armed itself.
void GuestSubject::fail_stepping(const std::string& what) {
    if (const auto dr7 = guest_.debug_registers().dr7; (dr7 & 0xff) != 0 && !watches_) {
        throw vm::ImageError(
            fmt::format("{}: the guest arms breakpoints of its own (DR7 {:#x}), which stepping cannot follow on this "
                        "machine: {}\n{}",
                        name(), dr7, what, guest_.dump()));
    }
    throw vm::MachineFault(what + "\n" + guest_.dump());
}

bool GuestSubject::same_end(const vm::Snapshot& free) {
    return std::memcmp(&guest_.cpu().regs(), &free.regs, sizeof free.regs) == 0 &&
           guest_.shadow_stack_pointer() == free.msrs.ssp && guest_.memory().equals(free.pages);
}

/// Describes, for a message, how the two ends differ.
std::string GuestSubject::difference(const vm::Snapshot& free) {
    const auto& regs = guest_.cpu().regs();
    const auto& symbols = guest_.image().symbols;
    if (regs.rip != free.regs.rip || regs.rsp != free.regs.rsp) {
        return fmt::format("run freely it ends at {} with RSP {:#x}, stepped at {} with RSP {:#x}",
                           symbols.name_of(Virtual{free.regs.rip}), free.regs.rsp, symbols.name_of(Virtual{regs.rip}),
                           regs.rsp);
    }
    if (const auto ssp = guest_.shadow_stack_pointer(); ssp != free.msrs.ssp) {
        return fmt::format("run freely it ends with SSP {:#x}, stepped with SSP {:#x}", free.msrs.ssp, ssp);
    }
    const auto at = guest_.memory().first_difference(free.pages);
    if (!at) return "registers differ";
    return fmt::format("the byte at guest-physical {:#x} is {:#04x} when run freely and {:#04x} when stepped",
                       number(at->address), std::to_integer<unsigned>(at->then), std::to_integer<unsigned>(at->now));
}

}  // namespace gatecrash::sweep
