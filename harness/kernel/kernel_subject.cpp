#include "kernel/kernel_subject.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "gatecrash/workload.h"
#include "kernel/end_state.hpp"
#include "kernel/kernel_trace.hpp"
#include "vm/landing/event_kind.hpp"
#include "vm/outcome.hpp"
#include "vm/state/debug_registers.hpp"
#include "vm/state/registers.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::kernel {
namespace {

using sweep::Ending, sweep::Invariant, sweep::Phase;

constexpr std::uint8_t reschedule_vector = 0xfd;  ///< RESCHEDULE_VECTOR of arch/x86/include/asm/irq_vectors.h
constexpr unsigned programs_cpl = 3;

/// The vector of an event on Linux. The usual `irq` is the reschedule IPI, whose handler does nothing without work.
std::uint8_t vector_of(const vm::Event& event) { return event == vm::Event::irq() ? reschedule_vector : event.vector; }

const Stop window_end = Rang{GATECRASH_DOORBELL_END};

}  // namespace

namespace {

/// Returns the code where events of a sweep may land; empty if an event may land anywhere.
std::vector<AddressRange> text_with_events(const vm::SymbolTable& symbols, const sweep::SweepOptions& options) {
    std::vector<AddressRange> text;
    const auto address_of = [&](const std::string& symbol) {
        if (const auto address = symbols.find(symbol)) return *address;
        throw sweep::ScheduleError(fmt::format("the kernel has no symbol {}", symbol));
    };
    for (const auto& event : options.events) {
        const bool has_window = std::ranges::any_of(
            options.window, [&](const auto& range) { return !range.of || *range.of == event.kind; });
        if (!has_window) return {};
    }
    for (const auto& range : options.window) {
        const auto from = address_of(range.from);
        const AddressRange one{from, range.to.empty() ? vm::Virtual{number(from) + 1} : address_of(range.to)};
        if (std::ranges::find(text, one) == text.end()) text.push_back(one);
    }
    return text;
}

/// True if an interrupt or an NMI may wait in its own window for a boundary that only another event's window has. Then
/// it lands at a boundary where it is not delivered.
bool some_wait_outside(const sweep::SweepOptions& options) {
    return std::ranges::any_of(options.events, [&](const auto& event) {
        const auto is_for = [&](const auto& range) { return !range.of || *range.of == event.kind; };
        return vm::is_interrupt(event) && std::ranges::any_of(options.window, [&](const auto& range) {
                   return !is_for(range) && std::ranges::none_of(options.window, [&](const auto& own) {
                       return is_for(own) && own.from == range.from && own.to == range.to;
                   });
               });
    });
}

}  // namespace

struct KernelSubject::KernelPoint : sweep::Point {
    KernelPoint(const sweep::Reached& reached, KernelState state, std::vector<Call> calls, bool handles_db)
        : Point(reached), state(std::move(state)), calls(std::move(calls)), handles_db(handles_db) {}

    KernelState state;
    std::vector<Call> calls;  ///< calls that have not returned, outermost first
    bool handles_db;          ///< a #DB has been delivered, and its handler has not returned
    StateDigest digest{};     ///< only set if states are compared
};

const KernelSubject::KernelPoint& KernelSubject::of(const sweep::Point& point) {
    return static_cast<const KernelPoint&>(point);
}

KernelSubject::KernelSubject(const WaitingKernel& kernel, Workload workload, const sweep::SweepOptions& options)
    : kernel_(kernel),
      workload_(std::move(workload)),
      events_(options.events),
      saves_all_(!options.prune || some_wait_outside(options)),
      has_interrupts_(
          std::ranges::any_of(events_, [](const auto& event) { return event.kind == vm::Event::Kind::irq; })),
      text_(text_with_events(kernel.symbols, options)),
      clock_(options.clock) {}

// --- windows ---------------------------------------------------------------------------------------------------------

bool KernelSubject::find_window() {
    if (begin_) return false;
    auto& guest = kernel_.guest;
    guest.restore(kernel_.state);
    per_cpu_ = guest.word_at(kernel_.facts.per_cpu_offset).value_or(0);
    auto regs = guest.cpu().regs();
    regs.rax = workload_.number;
    guest.cpu().set_regs(regs);
    const auto stop = run_patiently();
    const auto* const rang = std::get_if<Rang>(&stop);
    const auto port = rang == nullptr ? 0 : rang->port;
    if (port == GATECRASH_DOORBELL_SKIP) throw SkippedWorkload(programs_words());
    if (port == GATECRASH_DOORBELL_BEGIN_IRQ) {
        opening_ = vm::Event::irq();
        has_interrupts_ = true;
    }
    if (port == GATECRASH_DOORBELL_BEGIN_NMI) opening_ = vm::Event::nmi();
    if (!opening_ && port != GATECRASH_DOORBELL_BEGIN) {
        throw vm::ImageError(
            fmt::format("{}: the init program must ring BEGIN after NEXT, and the kernel {} at {}:\n{}", name(),
                        describe(stop), where(), guest.log(20)));
    }
    guest.leave_doorbell();
    begin_ = guest.save(&kernel_.state);
    open();
    return true;
}

/// Returns the string that the program gives with its doorbell.
std::string KernelSubject::programs_words() {
    constexpr std::size_t longest = 200;
    std::string words(longest, '\0');
    auto& guest = kernel_.guest;
    words.resize(guest.read(vm::Virtual{guest.cpu().regs().rbx}, std::as_writable_bytes(std::span(words))));
    return words.c_str();
}

void KernelSubject::open() {
    kernel_.guest.restore(*begin_);
    if (opening_) land_on_guest(*opening_);
}

void KernelSubject::keep_window() {
    auto& guest = kernel_.guest;
    open();
    Reference reference;
    const auto start = std::chrono::steady_clock::now();
    if (run_patiently() != window_end) throw vm::MachineFault("the same run ended in two different ways");
    longest_ = std::chrono::steady_clock::now() - start;
    reference.end = guest.save(&*begin_);
    reference.nmis = counter(kernel_.facts.nmi_count);
    reference.rescheds = counter(kernel_.facts.resched_count);
    guest.leave_doorbell();
    if (run_patiently() != Stop{Rang{GATECRASH_DOORBELL_ALIVE}})
        throw vm::ImageError(name() + ": the init program must ring ALIVE after END");
    reference.alive = guest.save(&*begin_);
    reference_ = std::move(reference);
}

// --- paths -----------------------------------------------------------------------------------------------------------

sweep::Path KernelSubject::path_of(std::size_t, sweep::HitCounter& hits) {
    open();
    auto path = discover(hits, {*begin_, {}, false}, false, false);
    if (!kernel_.guest.memory_states().equals(reference_->end.pages)) {
        throw vm::MachineFault(name() + ": the kernel ends differently when stepped than when run freely");
    }
    return path;
}

sweep::Path KernelSubject::path_after(const sweep::Point& from, vm::Event event, const sweep::Point& to, bool compare) {
    auto& guest = kernel_.guest;
    const auto& start = of(from).state;
    land(from, event, to);
    if (run_patiently() != window_end) throw vm::MachineFault("a run that held ends in another way now");
    const auto end = guest.save(&start);
    land(from, event, to);
    sweep::HitCounter hits;
    auto path = discover(hits, {start, of(from).calls, of(from).handles_db}, true, compare);
    if (!guest.memory_states().equals(end.pages) || !compare_ends(guest.save(&start).cpu, end.cpu).empty()) {
        throw vm::MachineFault(
            fmt::format("{}: after {} at {} the kernel ends differently when stepped than when run "
                        "freely",
                        name(), sweep::to_string(event), sweep::to_string(boundary_of(from.reached()))));
    }
    return path;
}

bool KernelSubject::is_text(vm::Virtual address) const {
    return text_.empty() || std::ranges::any_of(text_, [&](const auto& range) { return range.contains(address); });
}

/// Goes from each boundary in `text_` to the next one. Other code runs freely if a call leads there.
class KernelSubject::Walk {
  public:
    /// `calls` have not returned where the walk begins. With `handles_db`, a #DB is being handled there.
    Walk(const KernelSubject& subject, std::vector<Call> calls, bool handles_db)
        : subject_(subject),
          guest_(subject.kernel_.guest),
          stepper_(guest_, subject.kernel_.facts),
          calls_(std::move(calls)),
          handles_db_(handles_db) {
        for (const auto& range : subject.text_) {
            const bool is_known = std::ranges::find(places_, range.begin) != places_.end();
            if (range.begin != subject.kernel_.facts.entry_text.begin && !is_known) places_.push_back(range.begin);
        }
    }

    /// Makes one step, and runs what follows freely up to a boundary in `text_`, if that is possible.
    KernelStepper::Step step() {
        auto step = step_on();
        follow_db(step);
        return step;
    }

    [[nodiscard]] const std::vector<Call>& calls() const { return calls_; }
    [[nodiscard]] bool handles_db() const { return handles_db_; }
    [[nodiscard]] bool has_flag() const { return stepper_.has_flag(); }
    /// True if the guest may have written memory since the last call.
    [[nodiscard]] bool take_written() { return std::exchange(has_written_, false); }

  private:
    KernelStepper::Step step_on() {
        const auto instruction = stepper_.next_instruction();
        const auto before = guest_.cpu().regs();
        auto step = stepper_.step();
        has_written_ = has_written_ || step.delivered || !instruction || instruction->writes_memory;
        if (step.end || step.delivered || is_stepped()) return step;
        const auto& now = guest_.cpu().regs();
        const vm::Virtual next{before.rip + (instruction ? instruction->length : 0)};
        const bool is_call =
            now.rsp == before.rsp - 8 && guest_.word_at(vm::Virtual{now.rsp}) == std::optional(number(next));
        if (is_call && subject_.is_text(vm::Virtual{before.rip})) calls_.push_back({next, vm::Virtual{now.rsp}});
        while (!step.end && !calls_.empty() && !is_stepped()) {
            step.end = stepper_.run_until_return(calls_.back(), places_);
            if (!step.end && guest_.rip() == calls_.back().returns_to) calls_.pop_back();
            has_written_ = true;
        }
        return step;
    }

    /// Notes where the handler of a #DB begins, and where it returns.
    void follow_db(const KernelStepper::Step& step) {
        const auto& regs = guest_.cpu().regs();
        if (step.delivered == std::uint8_t{GATECRASH_VECTOR_DB}) {
            constexpr std::uint64_t pushed_rsp = 24;
            handles_db_ = true;
            returns_to_ = guest_.word_at(vm::Virtual{regs.rsp}).value_or(0);
            returns_with_ = guest_.word_at(vm::Virtual{regs.rsp + pushed_rsp}).value_or(0);
        } else if (guest_.cpl() == programs_cpl || (regs.rip == returns_to_ && regs.rsp == returns_with_)) {
            handles_db_ = false;
        }
    }

    [[nodiscard]] bool is_stepped() const {
        return subject_.text_.empty() || guest_.cpl() == programs_cpl || subject_.is_text(guest_.rip());
    }

    const KernelSubject& subject_;
    KernelGuest& guest_;
    KernelStepper stepper_;
    std::vector<Call> calls_;  ///< calls into code that runs freely, outermost first
    std::vector<vm::Virtual> places_;
    bool handles_db_;
    std::uint64_t returns_to_ = 0, returns_with_ = 0;  ///< RIP and RSP after the handler of the last #DB
    bool has_written_ = true;
};

/// Steps from the guest's state to the end of the window, and returns the boundaries in `text_` on the way. If an event
/// waits, the boundaries begin where it is delivered.
sweep::Path KernelSubject::discover(sweep::HitCounter& hits, const Start& start, bool waits, bool with_digests) {
    const auto phase = during(Phase::stepping);
    auto& guest = kernel_.guest;
    sweep::Path path;
    const KernelState* earlier = &start.state;
    const KernelPoint* last = nullptr;
    Walk walk(*this, start.calls, start.handles_db);
    for (KernelStepper::Step step; !step.end;) {
        if (!waits && is_text(guest.rip())) {
            const auto reached = hits.reach(guest.rip());
            KernelState state{{guest.cpu().regs(), {}, guest.cpu().events(), {}, {}}, {}, {}};
            const bool is_saved = matters(state.cpu);
            if (is_saved) {
                const auto what = has_interrupts_ ? KernelGuest::Save::local_apic : KernelGuest::Save::cpu;
                state = guest.save(earlier, what, walk.take_written());
                if (walk.has_flag()) state.cpu.regs.rflags |= vm::rflags_tf;
            }
            auto point = std::make_unique<KernelPoint>(reached, std::move(state), walk.calls(), walk.handles_db());
            if (is_saved && with_digests)
                point->digest = digest_of(point->state, last == nullptr ? nullptr : &last->state,
                                          last == nullptr ? nullptr : &last->digest);
            if (is_saved) {
                last = point.get();
                earlier = &last->state;
            }
            path.push_back(std::move(point));
        }
        step = walk.step();
        if (step.delivered) waits = false;
    }
    return path;
}

/// True if a schedule may begin at a boundary with these registers.
bool KernelSubject::matters(const CpuState& cpu) const {
    return saves_all_ || std::ranges::any_of(events_, [&](const auto& event) {
               return can_land_at(event, cpu) && vm::can_deliver(cpu.regs, cpu.events, event);
           });
}

bool KernelSubject::can_land(vm::Event event, const sweep::Point& at) const {
    const auto& state = of(at).state;
    const bool is_interrupt = event.kind == vm::Event::Kind::irq && state.devices != nullptr;
    if (is_interrupt && has_waiting(state.devices->local_apic, vector_of(event))) return false;
    // Linux disarms breakpoints while it handles a #DB: another one would use the same stack, and the same DR6.
    if (event.kind == vm::Event::Kind::db && of(at).handles_db) return false;
    return can_land_at(event, state.cpu);
}

bool KernelSubject::can_land_at(vm::Event event, const CpuState& cpu) const {
    if (event.kind == vm::Event::Kind::irq) return true;
    if (event.kind == vm::Event::Kind::nmi) return cpu.events.nmi.pending == 0;
    // Linux takes a breakpoint of a program for a signal, and lets none occur in code that nothing may instrument.
    const vm::Virtual rip{cpu.regs.rip};
    const bool is_user = number(rip) >> 63 == 0;
    return !is_user && std::ranges::none_of(kernel_.facts.without_breakpoints,
                                            [&](const auto& range) { return range.contains(rip); });
}

bool KernelSubject::can_deliver(vm::Event event, const sweep::Point& at) const {
    const auto& state = of(at).state;
    return vm::can_deliver(state.cpu.regs, state.cpu.events, event);
}

// --- schedules -------------------------------------------------------------------------------------------------------

void KernelSubject::land(const sweep::Point& from, vm::Event event, const sweep::Point&) {
    const auto phase = during(Phase::injecting);
    if (of(from).state.devices == nullptr) throw vm::MachineFault("an event lands where the kernel was not saved");
    kernel_.guest.restore(of(from).state);
    land_on_guest(event);
}

void KernelSubject::land_on_guest(vm::Event event) {
    auto& cpu = kernel_.guest.cpu();
    if (event.kind == vm::Event::Kind::irq) return kernel_.guest.interrupt(vector_of(event));
    auto events = cpu.events();
    if (event.kind == vm::Event::Kind::nmi) {
        events.nmi.pending = 1;
        events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
    } else {
        auto registers = cpu.debug_registers();
        registers.dr6 |= vm::dr6_b0;
        cpu.set_debug_registers(registers);
        events.exception.injected = 1;
        events.exception.nr = event.vector;
        events.exception.has_error_code = 0;
    }
    cpu.set_events(events);
}

Ending KernelSubject::run(std::size_t, std::span<const sweep::Landed> landed, sweep::Extremes&) {
    violations_.clear();
    auto stop = [&] {
        const auto phase = during(Phase::injecting);
        return kernel_.guest.run();
    }();
    bool is_proven = false;
    if (std::holds_alternative<StillRuns>(stop)) stop = finish_slowly(is_proven);
    const auto phase = during(Phase::checking);
    check_end(stop, landed);
    if (violations_.empty() && reference_) check_life();
    if (violations_.empty()) return Ending::held;
    kernel_.guest.doubt_devices();
    if (std::holds_alternative<StillRuns>(stop)) return is_proven ? Ending::endless : Ending::unclear;
    return Ending::broken;
}

void KernelSubject::check_end(const Stop& stop, std::span<const sweep::Landed> landed) {
    if (std::holds_alternative<StillRuns>(stop)) {
        return add(Invariant::progress, fmt::format("the kernel goes on and on, at {}", where()));
    }
    if (const auto* rang = std::get_if<Rang>(&stop)) {
        if (stop != window_end) {
            return add(
                Invariant::round_trip,
                fmt::format("the program went on at another place: it rang doorbell {:#x} before END", rang->port));
        }
        if (!reference_) return;
        auto found = compare_ends(
            {kernel_.guest.cpu().regs(), kernel_.guest.cpu().sregs(), kernel_.guest.cpu().events(), {}, {}},
            reference_->end.cpu);
        violations_ = std::move(found);
        return check_counts(landed);
    }
    const auto* failing = std::get_if<Failing>(&stop);
    if (failing == nullptr) return add(Invariant::no_unexpected_vector, "the kernel " + describe(stop));
    auto& guest = kernel_.guest;
    const auto caller = guest.word_at(vm::Virtual{guest.cpu().regs().rsp}).value_or(0);
    add(Invariant::no_unexpected_vector,
        fmt::format("the kernel called {}() from {}", failing->function, kernel_.symbols.name_of(vm::Virtual{caller})));
}

/// The kernel must handle each event once. It may take several NMIs that arrive during the handling of another for one
/// (its nested NMIs share one repeat), but never lose the second.
void KernelSubject::check_counts(std::span<const sweep::Landed> landed) {
    const auto of_kind = [&](vm::Event::Kind kind) {
        return static_cast<std::uint32_t>(
            std::ranges::count_if(landed, [&](const auto& each) { return each.event.kind == kind; }));
    };
    if (kernel_.facts.nmi_count) {
        const auto handled = counter(kernel_.facts.nmi_count) - reference_->nmis;
        const auto arrived = of_kind(vm::Event::Kind::nmi);
        const auto least = std::min(arrived, 2U);
        if (handled < least || handled > arrived) {
            add(Invariant::event_conservation,
                fmt::format("{} NMIs arrived, and the kernel counted {}", arrived, handled));
        }
    }
    if (kernel_.facts.resched_count) {
        const auto handled = counter(kernel_.facts.resched_count) - reference_->rescheds;
        const auto arrived = static_cast<std::uint32_t>(
            std::ranges::count_if(landed, [&](const auto& each) { return each.event == vm::Event::irq(); }));
        if (handled != arrived) {
            add(Invariant::event_conservation,
                fmt::format("{} reschedule interrupts arrived, and the kernel counted {}", arrived, handled));
        }
    }
}

/// Lets the init program use the kernel after the window.
void KernelSubject::check_life() {
    auto& guest = kernel_.guest;
    guest.leave_doorbell();
    const auto stop = run_patiently();
    if (stop == Stop{Rang{GATECRASH_DOORBELL_WRONG}})
        return add(Invariant::round_trip, "the program says: " + programs_words());
    if (stop != Stop{Rang{GATECRASH_DOORBELL_ALIVE}}) {
        return add(Invariant::no_unexpected_vector,
                   fmt::format("after the window, the kernel {} at {}", describe(stop), where()));
    }
    const CpuState now{guest.cpu().regs(), guest.cpu().sregs(), guest.cpu().events(), guest.cpu().debug_registers(),
                       guest.msrs()};
    violations_ =
        compare_controls(now, reference_->alive.cpu, guest.local_apic(), reference_->alive.devices->local_apic);
}

std::uint32_t KernelSubject::counter(std::optional<vm::Virtual> per_cpu) {
    if (!per_cpu) return 0;
    const auto word = kernel_.guest.word_at(vm::Virtual{per_cpu_ + number(*per_cpu)});
    return static_cast<std::uint32_t>(word.value_or(0));
}

// --- runs that take long ---------------------------------------------------------------------------------------------

/// Runs a kernel that is believed to stop. The load of the host must not decide.
Stop KernelSubject::run_patiently() {
    constexpr int most = 500;  // with the tick of run_to_doorbell(): three seconds
    Stop stop = StillRuns{};
    for (int i = 0; i < most && std::holds_alternative<StillRuns>(stop); ++i) stop = kernel_.guest.run();
    return stop;
}

Stop KernelSubject::finish_slowly(bool& is_proven) {
    const auto phase = during(Phase::endless);
    const auto end = seek_loop();
    is_proven = end && std::holds_alternative<StillRuns>(*end);
    return end ? *end : run_patiently();
}

/// Goes on with the run, and returns how it ends. Returns StillRuns if the kernel comes back to an earlier state, which
/// proves that the run is endless. Empty if neither happens soon. First it looks at the state at each delivery, since
/// most endless runs are exceptions that raise one another; then at each instruction.
std::optional<Stop> KernelSubject::seek_loop() {
    constexpr std::uint64_t deliveries = 20000, steps = 5000;
    auto& guest = kernel_.guest;
    KernelStepper stepper(guest, kernel_.facts);
    std::optional<KernelState> kept;
    std::uint64_t looks = 0, next_kept = 1;
    // Brent's method: keeps one state, and replaces it each time the number of looks has doubled.
    const auto repeats = [&] {
        const bool again = kept && std::memcmp(&guest.cpu().regs(), &kept->cpu.regs, sizeof(kvm_regs)) == 0 &&
                           guest.memory_states().equals(kept->pages) && guest.save(&*kept).cpu.same_as(kept->cpu);
        if (++looks == next_kept) {
            kept = guest.save(&*begin_);
            next_kept *= 2;
        }
        return again;
    };
    while (looks < deliveries) {
        auto stop = stepper.run_to_delivery();
        if (stop && std::holds_alternative<StillRuns>(*stop)) break;
        if (stop) return stop;
        if (repeats()) return StillRuns{};
    }
    for (looks = 0, next_kept = 1; looks < steps;) {
        if (const auto step = stepper.step(); step.end) return step.end;
        if (repeats()) return StillRuns{};
    }
    return std::nullopt;
}

std::vector<sweep::Violation> KernelSubject::examine(std::size_t, const sweep::HitCounter&,
                                                     const std::vector<sweep::Landing>&, Ending) {
    auto violations = violations_;
    if (!violations.empty() && violations.front().invariant == Invariant::no_unexpected_vector) {
        // The kernel says more if it is allowed to.
        auto& guest = kernel_.guest;
        guest.ignore_failures();
        (void)guest.run();
        violations.front().message += ". The end of its log:\n" + guest.log(16);
        guest.heed_failures();
    }
    return violations;
}

// --- one schedule ----------------------------------------------------------------------------------------------------

bool KernelSubject::is_wanted(const sweep::Boundary& boundary, const sweep::Reached& here) const {
    if (boundary.index) return here.index == *boundary.index;
    return here.hit == boundary.hit &&
           kernel_.symbols.has(boundary.symbol, vm::Virtual{number(here.rip) - boundary.offset});
}

sweep::ReplayResult KernelSubject::replay(const std::vector<sweep::Landing>& landings, const sweep::TraceSink& sink) {
    constexpr std::uint64_t most_steps = 20'000;
    for (const auto& landing : landings) {
        if (!landing.boundary.index && !kernel_.symbols.find(landing.boundary.symbol))
            throw sweep::ScheduleError("the kernel has no symbol " + landing.boundary.symbol);
    }
    while (find_window()) keep_window();
    open();
    KernelTrace trace(kernel_.guest, kernel_.symbols, sink);
    sweep::ReplayResult result;
    std::vector<sweep::Landed> landed;
    std::optional<Stop> end;
    {
        Walk walk(*this, {}, false);
        sweep::HitCounter hits;
        for (bool waits = false; !end && result.steps < most_steps; ++result.steps) {
            const bool counts = !waits && is_text(kernel_.guest.rip()) && landed.size() < landings.size();
            if (counts && is_wanted(landings[landed.size()].boundary, hits.reach(kernel_.guest.rip()))) {
                const auto& [event, boundary] = landings[landed.size()];
                const CpuState now{kernel_.guest.cpu().regs(), {}, kernel_.guest.cpu().events(), {}, {}};
                const bool nests = event.kind == vm::Event::Kind::db && walk.handles_db();
                if (nests || !can_land_at(event, now)) {
                    throw sweep::ScheduleError(
                        fmt::format("{} cannot occur at {}", sweep::to_string(event), to_string(boundary)));
                }
                trace.lands(event);
                land_on_guest(event);
                landed.push_back({event, nullptr});
                hits.restart();
                waits = true;
            }
            trace.before_step();
            const auto step = walk.step();
            trace.after_step(step);
            if (step.delivered) waits = false;
            end = step.end;
        }
    }
    if (landed.size() < landings.size()) {
        throw sweep::ScheduleError(fmt::format("the run never reaches {}{}",
                                               to_string(landings[landed.size()].boundary),
                                               landed.empty() ? "" : " after the event before it"));
    }
    bool is_proven = false;
    if (!end && sink) sink(fmt::format("--- and so on: the trace ends after {} steps", result.steps));
    if (!end) end = finish_slowly(is_proven);
    violations_.clear();
    check_end(*end, landed);
    if (violations_.empty()) check_life();
    result.ending = "the kernel " + describe(*end);
    result.violations = examine(0, {}, landings, Ending::broken);
    return result;
}

bool KernelSubject::is_new(std::size_t window, const sweep::Point& from, std::span<const sweep::Landed> landed,
                           unsigned more) {
    const auto phase = during(Phase::comparing);
    const auto& at = of(from);
    std::vector<std::uint64_t> all{window, more, at.digest.whole[0], at.digest.whole[1]};
    // The checks of counts need to know how many events of each kind landed.
    std::vector<std::uint64_t> kinds;
    for (const auto& [event, point] : landed)
        kinds.push_back(static_cast<std::uint64_t>(event.kind) << 8 | event.vector);
    std::ranges::sort(kinds);
    all.insert(all.end(), kinds.begin(), kinds.end());
    const auto& last = landed.back().event;
    all.push_back(static_cast<std::uint64_t>(last.kind) << 8 | last.vector);
    return met_.insert(digest_of(all)).second;
}

}  // namespace gatecrash::kernel
