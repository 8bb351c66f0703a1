#include "kernel/kernel_subject.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernel/code_identity.hpp"
#include "kernel/end_state.hpp"
#include "kernel/kernel_landing.hpp"
#include "kernel/kernel_trace.hpp"
#include "kernel/kernel_walk.hpp"
#include "sweep/code_places.hpp"
#include "vm/landing/event_kind.hpp"
#include "vm/outcome.hpp"
#include "vm/state/cpu_mode.hpp"
#include "vm/state/debug_registers.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::kernel {
namespace {

using sweep::Ending, sweep::Invariant, sweep::Phase;

}  // namespace

struct KernelSubject::KernelPoint : sweep::Point {
    KernelPoint(const sweep::Reached& reached, KernelState state, std::vector<Call> calls, bool handles_db)
        : Point(reached), state(std::move(state)), calls(std::move(calls)), handles_db(handles_db) {}

    KernelState state;
    std::vector<Call> calls;  ///< calls that have not returned, outermost first
    bool handles_db;          ///< a #DB has been delivered, and its handler has not returned
    std::int64_t nmis = 0;    ///< see begun_nmis()
    StateDigest digest{};     ///< only set if states are compared
};

const KernelSubject::KernelPoint& KernelSubject::of(const sweep::Point& point) {
    return static_cast<const KernelPoint&>(point);
}

KernelSubject::KernelSubject(const WaitingKernel& kernel, std::string name, std::unique_ptr<KernelWindow> window,
                             const sweep::SweepOptions& options)
    : kernel_(kernel),
      name_(std::move(name)),
      window_(std::move(window)),
      events_(options.events),
      windows_(*this, events_, options.window),
      saves_all_(!options.prune),
      clock_(options.clock) {
    for (const auto& [begin, end] : windows_.text()) text_.push_back({begin, end});
    for (std::size_t i = 0; i < events_.size(); ++i) {
        has_interrupts_ = has_interrupts_ || events_[i].kind == vm::Event::Kind::irq;
        // Such an event may wait in its own window, and be delivered in another event's window.
        saves_all_ = saves_all_ || (vm::is_interrupt(events_[i]) && !windows_.is_whole(i));
    }
}

// --- windows ---------------------------------------------------------------------------------------------------------

bool KernelSubject::find_window() {
    if (run_) return false;
    auto& guest = kernel_.guest;
    if (auto* const recorder = guest.recorder()) (void)recorder->show();
    guest.restore(kernel_.state);
    const auto offset = kernel_.facts.per_cpu_offset;
    per_cpu_ = offset == vm::Virtual{} ? 0 : guest.word_at(offset).value_or(0);
    code_ = code_identity(guest, kernel_.symbols);
    const auto opening = window_->begin();
    has_interrupts_ = has_interrupts_ || (opening && opening->kind == vm::Event::Kind::irq);
    run_ = {guest.save(&kernel_.state), opening, {}};
    open();
    return true;
}

void KernelSubject::open() {
    landed_from_ = nullptr;
    kernel_.guest.restore(run_->begin);
    if (run_->opening) kernel::land(kernel_.guest, kernel_.facts, *run_->opening);
}

void KernelSubject::keep_window() {
    auto& guest = kernel_.guest;
    Reference reference;
    run_->end = guest.new_pages().repeat([&] {
        open();
        const auto stop = guest.run_patiently();
        // A replay comes here without a sweep, which would have reported it.
        if (std::holds_alternative<Leaving>(stop))
            throw vm::ImageError(fmt::format("{}: without events, {}", name(), leaving_words()));
        if (!window_->is_end(stop)) throw vm::MachineFault("the same run ended in two different ways");
        return guest.save(&run_->begin);
    });
    if (window_->counts_at_end()) count_events(reference);
    if (const auto violation = window_->judge(window_->run_on()))
        throw vm::ImageError(fmt::format("{}: without events, {}", name(), violation->message));
    if (!window_->counts_at_end()) count_events(reference);
    reference.alive = guest.save(&run_->begin);
    reference_ = std::move(reference);
    memory_ = window_->end_memory(*run_);
    // Not before: Linux checks the code that it changes, so code that a window changes must not be hidden.
    if (auto* const recorder = guest.recorder()) recorder->begin();
}

// --- paths -----------------------------------------------------------------------------------------------------------

sweep::Path KernelSubject::path_of(std::size_t, sweep::HitCounter& hits) {
    const auto counted_before = hits;
    return kernel_.guest.new_pages().repeat([&] {
        hits = counted_before;
        open();
        auto path = discover(hits, {run_->begin, {}, false}, false, false);
        check_stepped_end(run_->end, "");
        return path;
    });
}

sweep::Path KernelSubject::path_after(const sweep::Point& from, vm::Event event, const sweep::Point& to, bool compare) {
    auto& guest = kernel_.guest;
    const auto& start = of(from).state;
    return guest.new_pages().repeat([&] {
        land(from, event, to);
        if (!window_->is_end(guest.run_patiently())) throw vm::MachineFault("a run that held ends in another way now");
        const auto end = guest.save(&start);
        land(from, event, to);
        sweep::HitCounter hits;
        auto path = discover(hits, {start, of(from).calls, of(from).handles_db}, true, compare);
        check_stepped_end(end, fmt::format(" after {} at {}", sweep::to_string(event),
                                           sweep::to_string(boundary_of(from.reached()))));
        return path;
    });
}

/// Throws unless the stepped run has ended as the free one did. `after` says which run that is.
void KernelSubject::check_stepped_end(const KernelState& free, const std::string& after) {
    auto& guest = kernel_.guest;
    if (guest.memory_states().equals(free.pages) && compare_ends(guest.cpu_state(), free.cpu).empty()) return;
    throw vm::MachineFault(
        fmt::format("{}:{} the kernel ends differently when stepped than when run freely", name(), after));
}

/// Steps from the guest's state to the end of the window, and returns the boundaries in `text_` on the way. If an event
/// waits, the boundaries begin where it is delivered.
sweep::Path KernelSubject::discover(sweep::HitCounter& hits, const Start& start, bool waits, bool with_digests) {
    const auto phase = during(Phase::stepping);
    auto& guest = kernel_.guest;
    sweep::Path path;
    const KernelState* earlier = &start.state;
    const KernelPoint* last = nullptr;
    KernelWalk walk(guest, kernel_.facts, text_, start.calls, start.handles_db);
    for (KernelStepper::Step step; !step.end;) {
        if (!waits && walk.is_in_text()) {
            const auto reached = hits.reach(guest.rip());
            KernelState state{{guest.cpu().regs(), {}, guest.cpu().events(), {}, {}}, {}, {}};
            const bool is_saved = matters(state.cpu);
            if (is_saved) {
                const auto what = has_interrupts_ ? KernelGuest::Save::interrupts : KernelGuest::Save::cpu;
                state = guest.save(earlier, what, walk.take_written());
                if (walk.has_flag()) state.cpu.regs.rflags |= vm::rflags_tf;
            }
            auto point = std::make_unique<KernelPoint>(reached, std::move(state), walk.calls(), walk.handles_db());
            if (is_saved && with_digests)
                point->digest = digest_of(point->state, last == nullptr ? nullptr : &last->state,
                                          last == nullptr ? nullptr : &last->digest);
            if (is_saved) {
                point->nmis = begun_nmis();
                last = point.get();
                earlier = &last->state;
            }
            path.push_back(std::move(point));
        }
        step = walk.step();
        if (step.delivered) waits = false;
    }
    executed_.include(walk.executed());
    return path;
}

/// True if a schedule may begin at a boundary with these registers.
bool KernelSubject::matters(const CpuState& cpu) const {
    for (std::size_t i = 0; i < events_.size() && !saves_all_; ++i) {
        const bool lands = windows_.has(i, vm::Virtual{cpu.regs.rip}) && can_land_at(events_[i], cpu);
        if (lands && vm::can_deliver(cpu.regs, cpu.events, events_[i])) return true;
    }
    return saves_all_;
}

bool KernelSubject::can_land(vm::Event event, const sweep::Point& at) const {
    const auto& point = of(at);
    if (!can_land_at(event, point.state.cpu)) return false;
    if (point.state.devices == nullptr) return !is_lost(event, point.handles_db, nullptr);
    const auto interrupts = interrupts_of(*point.state.devices, kernel_.facts.uses_8259);
    return !is_lost(event, point.handles_db, &interrupts);
}

/// True if `event` cannot come, because an earlier one of its kind is not over.
bool KernelSubject::is_lost(vm::Event event, bool handles_db, const InterruptState* interrupts) const {
    const bool waits = event.kind == vm::Event::Kind::irq && interrupts != nullptr;
    if (waits && has_waiting(*interrupts, vector_of(kernel_.facts, event))) return true;
    // Linux disarms breakpoints while it handles a #DB: another one would use the same stack, and the same DR6.
    return event.kind == vm::Event::Kind::db && handles_db;
}

bool KernelSubject::can_land_at(vm::Event event, const CpuState& cpu) const {
    if (event.kind == vm::Event::Kind::irq) return true;
    if (event.kind == vm::Event::Kind::nmi) return cpu.events.nmi.pending == 0;
    const auto contains_rip = [&](const auto& range) { return range.contains(vm::Virtual{cpu.regs.rip}); };
    return !contains_rip(kernel_.facts.programs) &&
           std::ranges::none_of(kernel_.facts.without_breakpoints, contains_rip);
}

bool KernelSubject::can_deliver(vm::Event event, const sweep::Point& at) const {
    const auto& state = of(at).state;
    return vm::can_deliver(state.cpu.regs, state.cpu.events, event);
}

std::vector<sweep::MapPlace> KernelSubject::instructions() const {
    std::vector<vm::ProtectedCode::Range> ranges;
    for (const auto& [begin, end] : kernel_.facts.without_breakpoints) ranges.push_back({begin, end});
    std::ranges::sort(ranges, {}, &vm::ProtectedCode::Range::begin);
    return sweep::code_places(ranges, kernel_.symbols, vm::CodeSize::bits64, [this](vm::Virtual at) {
        std::vector<std::byte> code(vm::Instruction::max_length);
        code.resize(kernel_.guest.read_own_code(at, code));
        return code;
    });
}

vm::CodeSet KernelSubject::take_executed() {
    auto executed = std::exchange(executed_, {});
    if (auto* const recorder = kernel_.guest.recorder()) executed.include(recorder->take_executed());
    return executed;
}

// --- schedules -------------------------------------------------------------------------------------------------------

void KernelSubject::land(const sweep::Point& from, vm::Event event, const sweep::Point&) {
    const auto phase = during(Phase::injecting);
    if (of(from).state.devices == nullptr) throw vm::MachineFault("an event lands where the kernel was not saved");
    kernel_.guest.restore(of(from).state);
    kernel::land(kernel_.guest, kernel_.facts, event);
    landed_from_ = &from;
}

Ending KernelSubject::run(std::size_t, std::span<const sweep::Landed> landed, sweep::Extremes&) {
    violations_.clear();
    lives_ = false;
    nmis_ = nmis_of(landed);
    const auto* const from = landed_from_;
    bool is_first = true;
    auto end = kernel_.guest.new_pages().repeat([&] {
        if (!std::exchange(is_first, false)) begin_again(from, landed);
        return run_to_end();
    });
    const auto phase = during(Phase::checking);
    check_end(end, landed);
    if (violations_.empty() && reference_ && !lives_) check_life(landed);
    if (violations_.empty()) return Ending::held;
    kernel_.guest.doubt_devices();
    if (std::holds_alternative<StillRuns>(end.stop)) return end.loop ? Ending::endless : Ending::unclear;
    return Ending::broken;
}

void KernelSubject::begin_again(const sweep::Point* from, std::span<const sweep::Landed> landed) {
    if (from == nullptr) return open();
    land(*from, landed.back().event, *landed.back().at);
}

SlowEnd KernelSubject::run_to_end() {
    auto stop = [&] {
        const auto phase = during(Phase::injecting);
        return kernel_.guest.run();
    }();
    if (std::holds_alternative<StillRuns>(stop)) return finish_slowly();
    return {std::move(stop)};
}

void KernelSubject::check_end(const SlowEnd& end, std::span<const sweep::Landed> landed) {
    const auto& stop = end.stop;
    if (std::holds_alternative<StillRuns>(stop)) {
        return add(
            Invariant::progress,
            end.loop ? fmt::format("the kernel is in an endless loop: a state came again, at {}",
                                   kernel_.symbols.name_of(*end.loop))
                     : fmt::format("the kernel does not end its run, and no state came again so far, at {}", where()));
    }
    if (window_->is_end(stop)) {
        if (!reference_) return;
        // The other registers need an ioctl each. They are compared later, and only if these are as they should be.
        auto& cpu = kernel_.guest.cpu();
        violations_ = compare_ends({cpu.regs(), cpu.sregs(), cpu.events(), {}, {}}, run_->end.cpu);
        if (const auto changed = compare_fpu(kernel_.guest.fpu(), run_->end.devices->fpu))
            violations_.push_back(*changed);
        if (window_->counts_at_end()) check_counts(landed);
        if (memory_ && violations_.empty()) check_memory(landed);
        return;
    }
    if (const auto* rang = std::get_if<Rang>(&stop)) {
        return add(Invariant::round_trip,
                   fmt::format("the program went on at another place: it rang doorbell {:#x} before END", rang->port));
    }
    if (std::holds_alternative<Leaving>(stop)) return add(Invariant::noinstr, leaving_words());
    const auto* failing = std::get_if<Failing>(&stop);
    if (failing == nullptr) return add(Invariant::no_unexpected_vector, "the kernel " + describe(stop));
    auto& guest = kernel_.guest;
    const auto caller = guest.word_at(guest.stack_pointer(), vm::pushed_word(guest.cpu().sregs().cs)).value_or(0);
    add(Invariant::no_unexpected_vector,
        fmt::format("the kernel called {}() from {}", failing->function, kernel_.symbols.name_of(vm::Virtual{caller})));
}

/// Says which of KernelFacts::exits the kernel has stopped at.
std::string KernelSubject::leaving_words() {
    const auto target = kernel_.facts.exits.at(kernel_.guest.rip());
    return fmt::format("the branch at {} goes to {}, outside of the protected sections, where no annotation allows it",
                       where(), kernel_.symbols.name_of(target));
}

void KernelSubject::count_events(Reference& reference) {
    reference.nmis = counter(kernel_.facts.nmi_count);
    reference.irqs = counter(kernel_.facts.irq_count);
}

/// Returns how often the kernel has begun to handle NMIs, without those of the run without events.
std::int64_t KernelSubject::begun_nmis() {
    if (!kernel_.facts.nmi_count || !reference_) return 0;
    return std::int64_t{counter(kernel_.facts.nmi_count)} - reference_->nmis;
}

/// Counts the NMIs of a schedule by the points at which its events were delivered.
NmiCount KernelSubject::nmis_of(std::span<const sweep::Landed> landed) const {
    NmiCount nmis;
    for (const auto& [event, at] : landed) {
        if (event.kind == vm::Event::Kind::nmi) nmis.deliver(of(*at).nmis);
    }
    return nmis;
}

/// The kernel must handle each event once. It may take several NMIs for one if it shares repeats.
void KernelSubject::check_counts(std::span<const sweep::Landed> landed) {
    if (kernel_.facts.nmi_count) {
        const auto handled = begun_nmis(), arrived = std::int64_t{nmis_.delivered()};
        const auto least = kernel_.facts.shares_repeats ? nmis_.least() : arrived;
        if (handled < least || handled > arrived) {
            const bool is_opened = run_->opening && run_->opening->kind == vm::Event::Kind::nmi;
            const auto all = arrived + (is_opened ? 1 : 0);
            add(Invariant::event_conservation, fmt::format("{} NMI{} arrived, and the kernel counted {}", all,
                                                           all == 1 ? "" : "s", handled + (is_opened ? 1 : 0)));
        }
    }
    if (kernel_.facts.irq_count) {
        const auto handled = counter(kernel_.facts.irq_count) - reference_->irqs;
        const auto arrived = static_cast<std::uint32_t>(std::ranges::count_if(landed, [&](const auto& each) {
            return each.event.kind == vm::Event::Kind::irq &&
                   vector_of(kernel_.facts, each.event) == kernel_.facts.irq_vector;
        }));
        if (handled != arrived) {
            add(Invariant::event_conservation,
                fmt::format("{} interrupt{} of vector {:#x} arrived, and the kernel counted {}", arrived,
                            arrived == 1 ? "" : "s", kernel_.facts.irq_vector, handled));
        }
    }
}

/// Compares the kernel's memory with what it is after these events, with only so many of the NMIs.
EndMemory::Comparison KernelSubject::compare_memory(std::span<const sweep::Landed> landed, std::int64_t nmis) {
    std::vector<vm::Event> events;
    for (const auto& [event, at] : landed) {
        if (event.kind != vm::Event::Kind::nmi || nmis-- > 0) events.push_back(event);
    }
    return memory_->compare(events);
}

/// The kernel's memory must be as if the events had arrived one after another. Of several NMIs that became one, the
/// kernel has handled only some. If nobody has counted how many, any number will do.
void KernelSubject::check_memory(std::span<const sweep::Landed> landed) {
    auto nmis = kernel_.facts.nmi_count ? begun_nmis() : std::int64_t{nmis_.delivered()};
    auto [changes, lives] = compare_memory(landed, nmis);
    while (!kernel_.facts.nmi_count && !changes.empty() && --nmis > 0) {
        const auto fewer = compare_memory(landed, nmis);
        if (fewer.changes.empty()) return;
    }
    lives_ = lives;
    if (lives) check_controls(run_->end);
    if (changes.empty()) return;
    constexpr std::size_t most = 4;
    std::string words;
    for (const auto& change : std::span(changes).first(std::min(most, changes.size())))
        words += (words.empty() ? "" : "; ") + memory_->names().describe(change);
    if (changes.size() > most) words += fmt::format("; and {} more words", changes.size() - most);
    add(Invariant::kernel_memory,
        "at the end of the window the kernel's memory is not as if the events had arrived one after another: " + words);
}

std::vector<std::string> KernelSubject::not_compared() const {
    std::vector<std::string> names;
    if (!memory_) return names;
    for (const auto word : memory_->depend_on_place()) names.push_back(memory_->names().name_of(word));
    return names;
}

/// Lets the kernel run on after the window, and show that it lives.
void KernelSubject::check_life(std::span<const sweep::Landed> landed) {
    const auto stop = window_->run_on();
    if (std::holds_alternative<Leaving>(stop)) return add(Invariant::noinstr, leaving_words());
    if (auto violation = window_->judge(stop)) return violations_.push_back(std::move(*violation));
    check_controls(reference_->alive);
    if (!window_->counts_at_end()) check_counts(landed);
}

void KernelSubject::check_controls(const KernelState& expected) {
    auto& guest = kernel_.guest;
    violations_ = compare_controls(guest.cpu_state(), expected.cpu, guest.interrupts(),
                                   interrupts_of(*expected.devices, kernel_.facts.uses_8259));
}

std::uint32_t KernelSubject::counter(std::optional<vm::Virtual> per_cpu) {
    if (!per_cpu) return 0;
    const auto word = kernel_.guest.word_at(vm::Virtual{per_cpu_ + number(*per_cpu)}, sizeof(std::uint32_t));
    return static_cast<std::uint32_t>(word.value_or(0));
}

// --- runs that take long ---------------------------------------------------------------------------------------------

SlowEnd KernelSubject::finish_slowly() {
    const auto phase = during(Phase::endless);
    return finish_slow_run(kernel_.guest, kernel_.facts, run_->begin);
}

std::vector<sweep::Violation> KernelSubject::examine(std::size_t, const sweep::HitCounter&,
                                                     const std::vector<sweep::Landing>& schedule, Ending,
                                                     const sweep::TraceSink& trace) {
    auto violations = violations_;
    if (!violations.empty() && violations.front().invariant == Invariant::no_unexpected_vector) {
        // The kernel says more if it is allowed to.
        auto& guest = kernel_.guest;
        guest.ignore_failures();
        (void)guest.run_patiently();  // up to its reset, however busy the host is
        constexpr std::size_t lines = 16;
        violations.front().message += ". The end of its log:\n" + guest.log(lines);
        guest.heed_failures();
    }
    if (trace) {
        (void)step_schedule(schedule, trace);
        kernel_.guest.doubt_devices();
    }
    return violations;
}

// --- one schedule ----------------------------------------------------------------------------------------------------

/// Steps through a schedule from the beginning of the window, with a trace if `sink` is set.
KernelSubject::Stepped KernelSubject::step_schedule(const std::vector<sweep::Landing>& landings,
                                                    const sweep::TraceSink& sink) {
    constexpr std::uint64_t most_steps = 20'000;
    open();
    auto& guest = kernel_.guest;
    KernelTrace trace(guest, kernel_.facts, kernel_.symbols, sink);
    Stepped result;
    auto& [steps, end, landed, nmis] = result;
    KernelWalk walk(guest, kernel_.facts, text_, {}, false);
    sweep::HitCounter hits;
    bool nmi_waits = false;
    for (bool waits = false; !end && steps < most_steps; ++steps) {
        const bool counts = !waits && walk.is_in_text() && landed.size() < landings.size();
        if (counts && is_at(kernel_.symbols, landings[landed.size()].boundary, hits.reach(guest.rip()))) {
            const auto& [event, boundary] = landings[landed.size()];
            if (!can_land_now(event, walk.handles_db())) {
                throw sweep::ScheduleError(
                    fmt::format("{} cannot occur at {}", sweep::to_string(event), to_string(boundary)));
            }
            trace.lands(event);
            nmi_waits = nmi_waits || event.kind == vm::Event::Kind::nmi;
            kernel::land(guest, kernel_.facts, event);
            landed.push_back({event, nullptr});
            hits.restart();
            waits = true;
        }
        trace.before_step();
        const auto step = walk.step();
        trace.after_step(step);
        if (step.delivered) waits = false;
        if (nmi_waits && (step.delivered == std::uint8_t{GATECRASH_VECTOR_NMI} || step.end)) {
            nmis.deliver(begun_nmis());
            nmi_waits = false;
        }
        end = step.end;
    }
    if (!end && sink) sink(sweep::TraceEnd{fmt::format("and so on: the trace ends after {} steps", steps)});
    return result;
}

sweep::ReplayResult KernelSubject::replay(const std::vector<sweep::Landing>& landings, const sweep::TraceSink& sink) {
    for (const auto& landing : landings) {
        if (!landing.boundary.index && !kernel_.symbols.find(landing.boundary.symbol))
            throw sweep::ScheduleError("the kernel has no symbol " + landing.boundary.symbol);
    }
    while (find_window()) keep_window();
    auto [steps, end, landed, nmis] = step_schedule(landings, sink);
    if (landed.size() < landings.size()) {
        throw sweep::ScheduleError(fmt::format("the run never reaches {}{}",
                                               to_string(landings[landed.size()].boundary),
                                               landed.empty() ? "" : " after the event before it"));
    }
    const auto slow = end ? SlowEnd{*end} : finish_slowly();
    nmis_ = nmis;
    violations_.clear();
    lives_ = false;
    check_end(slow, landed);
    if (violations_.empty() && !lives_) check_life(landed);
    sweep::ReplayResult result;
    result.steps = steps;
    result.ending = "the kernel " + describe(slow.stop);
    result.violations = examine(0, {}, landings, Ending::broken, {});
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
    all.push_back(nmis_of(landed).least());
    all.push_back(static_cast<std::uint64_t>(last.kind) << 8 | last.vector);
    return met_.insert(digest_of(all)).second;
}

}  // namespace gatecrash::kernel
