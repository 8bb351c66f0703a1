#include "sweep/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "sweep/equal_states.hpp"
#include "sweep/examine.hpp"
#include "sweep/finding_group.hpp"
#include "sweep/window.hpp"
#include "vm/loop_detector.hpp"
#include "vm/run_patiently.hpp"
#include "vm/stepping/walker.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Event;
using vm::Guest;
using vm::Virtual;

const vm::Outcome window_end = vm::Doorbell{GATECRASH_PORT_END};

/// A boundary on a path, and everything needed to go on from there.
struct Point {
    vm::Snapshot state;
    Reached reached;
    std::uint64_t log_head;
    bool behind_faulting_iret = false;
    StateDigest digest{};  ///< if states are compared

    [[nodiscard]] Virtual rip() const { return Virtual{state.regs.rip}; }
    [[nodiscard]] bool can_deliver(Event event) const { return vm::can_deliver(state.regs, state.events, event); }
};

/// The boundaries of one run, in order.
using Path = std::vector<Point>;

/// The events that have landed, with their boundaries and what the checks need to know of them.
struct Landed {
    std::vector<Reached> at;
    std::vector<LandedEvent> events;

    void push(Event event, const Point& point) {
        at.push_back(point.reached);
        events.push_back({event, point.log_head});
    }
    void pop() {
        at.pop_back();
        events.pop_back();
    }
};

/// An event, the boundaries of a path on which it can land to be delivered at one of them, and that one. It is the last
/// of them, unless nothing lands there.
struct Delivery {
    Event event;
    const std::vector<const Point*>& from;
    const Point& to;
};

/// A window, and how the boundaries in it are counted.
struct Context {
    const Window& window;
    HitCounter hits;  ///< as it stands at the window's beginning
    std::uint64_t number = 0;
    std::uint64_t boundaries_before = 0;  ///< in the windows before it
};

struct Interrupted {};
struct BudgetSpent {};
struct EnoughFound {};

class Sweep {
  public:
    Sweep(Guest& guest, const SweepOptions& options)
        : guest_(guest),
          options_(options),
          stepper_(vm::make_stepper(options.stepper, guest)),
          windows_of_event_(options.events.size()),
          stacks_(guest.image()),
          met_(guest) {
        if (watches()) guest.expect_watchpoints();
        for (const auto& range : options.window) add_window(range);
    }

    SweepResult run() {
        result_.levels.emplace_back();
        try {
            find_windows();
            if (options_.from) {
                go_back_to(*options_.from);
                sweep_level();
            }
            if (must_count_boundaries()) count_boundaries();
            while (result_.findings.empty() && result_.depth < options_.depth) {
                ++result_.depth;
                result_.levels.emplace_back();
                stacks_.restart();
                if (result_.depth == 1 || has_blocks()) sweep_level();
            }
        } catch (const Interrupted&) {
            result_.interrupted = true;
        } catch (const BudgetSpent&) {
            result_.not_exhaustive = coverage();
        } catch (const EnoughFound&) {
            result_.stopped_after = options_.max_findings;
        }
        return finish();
    }

  private:
    [[nodiscard]] During during(Phase phase) const { return {options_.clock, phase}; }

    [[nodiscard]] bool watches() const { return std::ranges::any_of(options_.events, vm::arms_watchpoint); }

    [[nodiscard]] Checkpoint checkpoint() const {
        return {result_, position_, {broken_.begin(), broken_.end()}, block_holds_};
    }

    void go_back_to(const Checkpoint& checkpoint) {
        result_ = checkpoint.result;
        next_ = checkpoint.next;
        stacks_.restart();
        broken_ = {checkpoint.broken.begin(), checkpoint.broken.end()};
        groups_.clear();
        for (const auto& finding : result_.findings) {
            groups_.try_emplace(group_of(finding.window, finding.schedule.landings), groups_.size());
        }
    }

    /// Whether the schedules at `position_` are behind the checkpoint that the sweep goes on from.
    [[nodiscard]] bool was_done() {
        if (next_.empty()) return false;
        const auto known = std::min(position_.size(), next_.size());
        const auto order = std::lexicographical_compare_three_way(
            position_.begin(), position_.begin() + static_cast<std::ptrdiff_t>(known), next_.begin(),
            next_.begin() + static_cast<std::ptrdiff_t>(known));
        if (order < 0) return true;
        if (position_.size() == next_.size()) {
            next_.clear();
            block_holds_ = options_.from->block_holds;
        }
        return false;
    }

    /// Whether what is skipped has been met in the block that the sweep goes on in, and so has to be known.
    [[nodiscard]] bool must_be_known(const Context& context) const {
        const auto block = [&](const std::vector<std::uint64_t>& position) {
            return Shard::block_of(context.boundaries_before + position[1] / options_.events.size());
        };
        return options_.from->block_holds && position_.front() == next_.front() && block(position_) == block(next_);
    }

    /// Equal states are looked for within a block, until something in it breaks: then all that is like it is to be
    /// found, too.
    [[nodiscard]] bool compares_states() const { return options_.prune && block_holds_; }

    void enter_block(std::uint64_t boundary) {
        if (block_ == Shard::block_of(boundary)) return;
        block_ = Shard::block_of(boundary);
        block_holds_ = true;
        met_.forget();
        begin_stretch();
    }

    /// Returns whether this shard has a boundary. Their number is known after the schedules of one event.
    [[nodiscard]] bool has_blocks() const { return options_.shard.has_any_of(result_.boundaries); }

    /// A resumed sweep passes again through the blocks before its checkpoint, whose stretches it has already.
    void begin_stretch() {
        if (options_.max_findings == 0 || *block_ % options_.shard.count != options_.shard.index - 1) return;
        auto& stretches = result_.levels.back().stretches;
        if (stretches.empty() || stretches.back().block < *block_) stretches.push_back({.block = *block_});
    }

    [[nodiscard]] Stretch* stretch() {
        auto& stretches = result_.levels.back().stretches;
        return stretches.empty() ? nullptr : &stretches.back();
    }

    void count_run() {
        ++result_.levels.back().schedules;
        if (auto* at = stretch()) ++at->schedules;
    }

    void count_pruned(std::uint64_t number) {
        result_.levels.back().pruned += number;
        if (auto* at = stretch()) at->pruned += number;
    }

    /// The number of boundaries in a result must not depend on the window in which the sweep stops.
    [[nodiscard]] bool must_count_boundaries() const {
        const bool is_asked_for = options_.counted != nullptr || (options_.max_findings != 0 && windows_.size() > 1);
        return is_asked_for && options_.depth != 0 && result_.boundaries == 0 && result_.findings.empty();
    }

    void count_boundaries() {
        HitCounter hits;
        for (const auto& window : windows_) {
            open_window(guest_, window);
            result_.boundaries += discover(hits, *window.end, false).size();
        }
        if (options_.counted) options_.counted(result_.boundaries);
    }

    /// Where the budget ran out.
    [[nodiscard]] Coverage coverage() {
        Coverage coverage{result_.depth, 0, 0};
        HitCounter hits;
        std::uint64_t boundaries = 0, reached = 0;
        for (std::size_t i = 0; i < windows_.size(); ++i) {
            if (i == position_.front()) reached = boundaries + position_[1] / options_.events.size();
            open_window(guest_, windows_[i]);
            boundaries += discover(hits, *windows_[i].end, false).size();
        }
        for (std::uint64_t boundary = 0; boundary < boundaries; ++boundary) {
            if (!options_.shard.has(boundary)) continue;
            ++coverage.of;
            if (boundary < reached) ++coverage.boundaries;
        }
        return coverage;
    }

    /// As Finding::order: the first event and where it is delivered, whatever the shard.
    [[nodiscard]] std::uint64_t order_of(const Context& context) const {
        return position_.empty() ? 0 : context.boundaries_before * options_.events.size() + position_[1];
    }

    /// Every shard has to run the empty schedule, as the reference; one counts it.
    SweepResult finish() {
        if (options_.shard.index != 1) {
            result_.levels.front() = {};
            if (result_.depth == 0) result_.findings.clear();
        }
        if (result_.stopped_after) result_.levels.back().extremes = {};
        result_.shard = options_.shard;
        result_.schedules = schedules_run();
        for (const auto& level : result_.levels) result_.pruned += level.pruned;
        return std::move(result_);
    }

    [[nodiscard]] std::uint64_t schedules_run() const {
        std::uint64_t count = 0;
        for (const auto& level : result_.levels) count += level.schedules;
        return count;
    }

    void add_window(const SymbolRange& range) {
        const auto from = address_of(range.from), to = address_of(range.to);
        if (from >= to) {
            throw ScheduleError(
                fmt::format("{}: {} is not at a lower address than {}", guest_.image().name, range.from, range.to));
        }
        bool applies = false;
        for (std::size_t e = 0; e < options_.events.size(); ++e) {
            if (range.of && range.of != options_.events[e].kind) continue;
            windows_of_event_[e].emplace_back(from, to);
            applies = true;
        }
        if (!applies) {
            throw ScheduleError(fmt::format("{}: the window is for {}, and no such event is to land", to_string(range),
                                            to_string(*range.of)));
        }
    }

    Virtual address_of(const std::string& symbol) const {
        const auto address = guest_.image().symbols.find(symbol);
        if (!address) throw ScheduleError(fmt::format("{} has no symbol {}", guest_.image().name, symbol));
        return *address;
    }

    /// Returns whether the window of event number `event` contains the boundary.
    [[nodiscard]] bool swept(const Point& point, std::size_t event) const {
        const auto& ranges = windows_of_event_[event];
        return ranges.empty() || std::ranges::any_of(ranges, [&](const auto& range) {
                   return point.rip() >= range.first && point.rip() < range.second;
               });
    }

    /// Runs the guest without events: the reference for everything else, and itself the first schedule.
    void find_windows() {
        std::chrono::steady_clock::duration longest{};
        while (auto window = next_window(guest_)) {
            open_window(guest_, *window);
            check_end(guest_, vm::run_patiently(guest_));
            open_window(guest_, *window);
            run_schedule({*window, HitCounter(), windows_.size()});
            if (!result_.findings.empty()) return;
            open_window(guest_, *window);
            const auto start = std::chrono::steady_clock::now();
            if (vm::run_patiently(guest_) != window_end) {
                throw vm::MachineFault("the same run ended differently twice\n" + guest_.dump());
            }
            longest = std::max(longest, std::chrono::steady_clock::now() - start);
            window->end = guest_.snapshot();
            window->vectors = vectors_since(guest_, *window);
            windows_.push_back(std::move(*window));
        }
        guest_.expect_runs_of(std::chrono::duration_cast<std::chrono::microseconds>(longest));
        if (windows_.empty()) {
            throw vm::ImageError(guest_.image().name + ": the guest rings DONE without any window (BEGIN ... END)");
        }
    }

    void sweep_level() {
        HitCounter hits;
        std::uint64_t boundaries = 0;
        block_.reset();
        for (std::size_t i = 0; i < windows_.size(); ++i) {
            const auto& window = windows_[i];
            const Context context{window, hits, i, boundaries};
            open_window(guest_, window);
            const auto path = discover(hits, *window.end, false);
            boundaries += path.size();
            result_.boundaries = std::max(result_.boundaries, boundaries);
            position_ = {i};
            extend(context, path, result_.depth);
        }
    }

    /// Has each event delivered at each boundary of `path`, and more events behind it while `more` is above 1.
    void extend(const Context& context, const Path& path, unsigned more) {
        const bool first = landed_.at.empty();
        position_.insert(position_.end(), {0, 0});
        // By event: where it can land, since it could last be delivered.
        std::vector<std::vector<const Point*>> landings(options_.events.size());
        for (std::size_t i = 0; i < path.size(); ++i) {
            if (first) {
                show_progress(context, i, path.size());
                enter_block(context.boundaries_before + i);
            }
            for (std::size_t e = 0; e < options_.events.size(); ++e) {
                const auto& event = options_.events[e];
                if (swept(path[i], e) && guest_.can_land(event, path[i].state)) landings[e].push_back(&path[i]);
                if (!path[i].can_deliver(event)) continue;
                const auto from = std::exchange(landings[e], {});
                if (first && !options_.shard.has(context.boundaries_before + i)) continue;
                position_.end()[-2] = i * options_.events.size() + e;
                deliver(context, {event, from, path[i]}, more);
            }
        }
        position_.resize(position_.size() - 2);
    }

    /// Has an event land where it is then delivered: it waits at all boundaries but the last. What waits is the same as
    /// what lands where it can be delivered, so with pruning only the last is run.
    void deliver(const Context& context, const Delivery& delivery, unsigned more) {
        const bool first = landed_.at.empty();
        const auto& [event, from, to] = delivery;
        landed_.push(event, to);
        const std::size_t waits = from.empty() ? 0 : from.size() - 1;
        bool done = false;
        for (std::size_t i = options_.prune ? waits : 0; i < from.size(); ++i) {
            position_.back() = i;
            done = was_done();
            if (done && !must_be_known(context)) continue;
            if (!first && compares_states() && !is_new(context, *from[i], event, more)) {
                if (!done) count_pruned(1);
            } else if (!done || more > 1) {
                land(context, *from[i], delivery, more);
            }
        }
        landed_.pop();
        if (options_.prune && !done) count_pruned(waits);
    }

    [[nodiscard]] bool is_new(const Context& context, const Point& at, Event event, unsigned more) {
        const auto phase = during(Phase::comparing);
        return met_.is_new({&at.state, &at.digest, event, &landed_.events, context.number, more});
    }

    void land(const Context& context, const Point& at, const Delivery& delivery, unsigned more) {
        if (options_.stop != nullptr && options_.stop->load()) throw Interrupted{};
        if (more == 1) {
            if (options_.at_schedule) options_.at_schedule([this] { return checkpoint(); });
            if (options_.budget != 0 && schedules_run() >= options_.budget) throw BudgetSpent{};
        }
        const auto phase = during(Phase::injecting);
        guest_.restore(at.state);
        guest_.land(delivery.event);
        const auto early_end = deliver_waiting(delivery);
        if (more == 1) {
            run_schedule(context, early_end);
            return;
        }
        // This schedule was run one level up and holds. Its path is found by stepping, and has to end as it did then.
        if (!early_end) (void)vm::run_patiently(guest_);
        const auto end = guest_.snapshot();
        guest_.restore(at.state);
        guest_.land(delivery.event);
        HitCounter hits;
        extend(context, discover(hits, end, compares_states()), more - 1);
    }

    /// Steps until a trap is sprung, or what KVM would deliver at the wrong place is delivered, or to the end that is
    /// returned. KVM's interrupt window is not to be relied on: where a hypervisor below loses a shadow (behaviour
    /// shadow-over-entry), it opens too early. Its NMI window is an IRET, which KVM steps itself where the CPU has no
    /// virtual NMIs: if that faults, TF is in the frame that is pushed, and the NMI comes anywhere behind.
    std::optional<vm::Outcome> deliver_waiting(const Delivery& delivery) {
        if (guest_.has_trap()) return vm::Walker(guest_, *stepper_).step().end;
        const bool irq = guest_.has_latched_irq() && !guest_.can_deliver(Event::irq());
        const bool nmi = guest_.has_latched_nmi() && !guest_.can_deliver(Event::nmi());
        if (!irq && !(nmi && delivery.to.behind_faulting_iret)) return std::nullopt;
        vm::Walker walker(guest_, *stepper_);
        while (guest_.has_latched_irq() || guest_.has_latched_nmi()) {
            if (auto end = walker.step().end) return end;
        }
        return std::nullopt;
    }

    /// Runs freely from where the guest is, unless it is at its end already, and checks. Something broken is examined
    /// step by step.
    void run_schedule(const Context& context, const std::optional<vm::Outcome>& early_end = {}) {
        count_run();
        auto outcome = early_end ? *early_end : guest_.run();
        if (std::holds_alternative<vm::StillRunning>(outcome)) {
            if (options_.clock != nullptr) options_.clock->charge(Phase::endless);
            const auto phase = during(Phase::endless);
            // An examination sees more than the end of a run. So whether it takes place must not depend on how busy the
            // host is: a run that is only slow continues to its end here.
            constexpr int patience = 10;
            const auto end = step_to_end();
            outcome = end ? *end : vm::run_patiently(guest_, patience);
            if (std::holds_alternative<vm::StillRunning>(outcome)) {
                const bool is_known = groups_.contains(group_of(context.number, schedule()));
                return end && is_known ? count(context, {}) : examine_schedule(context, std::nullopt);
            }
        }
        const auto phase = during(Phase::checking);
        const auto found = check_run(guest_, context.window, outcome, landed_.events);
        if (!found.violations.empty()) {
            if (groups_.contains(group_of(context.number, schedule()))) {
                count(context, {});
            } else {
                const auto examining = during(Phase::examining);
                examine_schedule(context, guest_.snapshot());
            }
            return;
        }
        auto& extremes = result_.levels.back().extremes;
        if (!found.bodies_at_once.empty()) extremes.include({{}, found.bodies_at_once});
        stacks_.look(guest_, extremes);
        if (options_.examine_each != 0 && ++held_ % options_.examine_each == 0) examine_held(context);
    }

    /// Steps a run that takes long to its end. Returns StillRunning if the run repeats an earlier state, which proves
    /// that it is endless, and nothing if neither happens soon.
    std::optional<vm::Outcome> step_to_end() {
        constexpr std::uint64_t soon = 1000;
        vm::LoopDetector detector(1);
        try {
            vm::Walker walker(guest_, *stepper_);
            while (walker.steps() < soon) {
                if (auto end = walker.step().end) return end;
                if (detector.repeats(guest_)) return vm::StillRunning{};
            }
        } catch (const vm::CannotStep&) {
            return std::nullopt;  // not soon: it went astray
        }
        return std::nullopt;
    }

    Examination examine(const Context& context, ScheduleLander& lander) {
        // The run without events is the one that is swept first, and then no window is known yet.
        if (context.number < windows_.size() && !windows_[context.number].user) {
            learn_user_states(guest_, windows_[context.number], *stepper_);
        }
        return sweep::examine(guest_, context.window, *stepper_, lander, Checks::at_each_step);
    }

    void examine_schedule(const Context& context, const std::optional<vm::Snapshot>& free_end) {
        const auto landings = schedule();
        ScheduleLander lander(landings, context.hits);
        const auto examination = examine(context, lander);
        if (const auto* missed = lander.missed()) {
            throw vm::MachineFault(fmt::format("the stepped run never reaches {}, which the sweep did\n{}",
                                               to_string(*missed), guest_.dump()));
        }
        if (free_end && !examination.stopped_early && !same_end(*free_end)) {
            fail_stepping(fmt::format("{} ends differently stepped and run freely: {}",
                                      to_string(Schedule{guest_.image().name, without_indices(landings)}),
                                      difference(*free_end)));
        }
        if (examination.violations.empty()) {
            if (free_end) fail_stepping("broken when run freely, but not when stepped");
            return;  // it was only slow: the watchdog was impatient
        }
        Finding finding{.schedule = {guest_.image().name, without_indices(landings)},
                        .violation = examination.violations.front(),
                        .also = {},
                        .window = context.number,
                        .order = order_of(context),
                        .block = block_.value_or(0)};
        for (const auto& violation : examination.violations) {
            const auto invariant = violation.invariant;
            const bool known = invariant == finding.violation.invariant ||
                               std::find(finding.also.begin(), finding.also.end(), invariant) != finding.also.end();
            if (!known) finding.also.push_back(invariant);
        }
        count(context, std::move(finding));
    }

    void examine_held(const Context& context) {
        const auto landings = schedule();
        ScheduleLander lander(landings, context.hits);
        const auto examination = examine(context, lander);
        if (examination.violations.empty()) return;
        throw vm::MachineFault(fmt::format("{} holds when run freely, but not when stepped: {}",
                                           to_string(Schedule{guest_.image().name, without_indices(landings)}),
                                           examination.violations.front().message));
    }

    /// Stepping that changes something is a fault of the harness. Only breakpoints that the guest armed itself are lost
    /// where KVM, or QEMU below it, does not keep them over an exit.
    [[noreturn]] void fail_stepping(const std::string& what) {
        if (const auto dr7 = guest_.debug_registers().dr7; (dr7 & 0xff) != 0 && !watches()) {
            throw vm::ImageError(fmt::format(
                "{}: the guest arms breakpoints of its own (DR7 {:#x}), which stepping does not follow here: "
                "{}\n{}",
                guest_.image().name, dr7, what, guest_.dump()));
        }
        throw vm::MachineFault(what + "\n" + guest_.dump());
    }

    /// Returns the events that have landed, with their boundaries named.
    [[nodiscard]] std::vector<Landing> schedule() const {
        std::vector<Landing> landings;
        for (std::size_t i = 0; i < landed_.at.size(); ++i) {
            landings.push_back({landed_.events[i].event, boundary_of(guest_.image().symbols, landed_.at[i])});
        }
        return landings;
    }

    /// A boundary below all symbols has no other name than its index.
    static std::vector<Landing> without_indices(std::vector<Landing> schedule) {
        for (auto& landing : schedule) {
            if (!landing.boundary.symbol.empty()) landing.boundary.index.reset();
        }
        return schedule;
    }

    /// Notes a schedule that breaks something: as the first of its group with its finding, or as one more.
    void count(const Context& context, std::optional<Finding> finding) {
        const auto landings = schedule();
        block_holds_ = false;
        // Without pruning a schedule comes up once for each boundary on which its event waits for the same delivery.
        if (!broken_.insert(to_string(Schedule{"", without_indices(landings)})).second) return;
        const auto [group, is_new] = groups_.try_emplace(group_of(context.number, landings), result_.findings.size());
        if (is_new && finding) {
            add(std::move(*finding));
        } else {
            ++result_.findings[group->second].schedules;
            if (auto* at = stretch()) ++at->alike[group->second];
        }
    }

    void add(Finding finding) {
        if (options_.found) options_.found(finding);
        result_.findings.push_back(std::move(finding));
        auto* const at = stretch();
        if (at == nullptr) return;  // without any event: the sweep ends with it in any case
        at->finds = true;
        if (result_.findings.size() == options_.max_findings) throw EnoughFound{};
        result_.levels.back().stretches.push_back({.block = *block_});
    }

    [[nodiscard]] bool same_end(const vm::Snapshot& free) {
        return std::memcmp(&guest_.cpu().regs(), &free.regs, sizeof free.regs) == 0 &&
               guest_.memory().equals(free.pages);
    }

    /// What keeps same_end() from being true, for people.
    [[nodiscard]] std::string difference(const vm::Snapshot& free) {
        const auto& regs = guest_.cpu().regs();
        const auto& symbols = guest_.image().symbols;
        if (regs.rip != free.regs.rip || regs.rsp != free.regs.rsp) {
            return fmt::format("run freely it ends at {} with RSP {:#x}, stepped at {} with RSP {:#x}",
                               symbols.name_of(Virtual{free.regs.rip}), free.regs.rsp,
                               symbols.name_of(Virtual{regs.rip}), regs.rsp);
        }
        const auto at = guest_.memory().first_difference(free.pages);
        if (!at) return "in registers";
        return fmt::format("the byte at guest-physical {:#x} is {:#04x} when run freely and {:#04x} when stepped",
                           number(at->address), std::to_integer<unsigned>(at->then),
                           std::to_integer<unsigned>(at->now));
    }

    /// Steps from where the guest is to the end of the window and returns every boundary on the way. The end has to
    /// be that of the free run: so each sweep proves that stepping changes nothing. Behind an event that waits the
    /// boundaries begin, and are counted from, where it was delivered: no other lands meanwhile.
    Path discover(HitCounter& hits, const vm::Snapshot& free_end, bool with_digests) {
        const auto phase = during(Phase::stepping);
        Path path;
        {
            vm::Walker walker(guest_, *stepper_);
            auto step = walker.settle();
            bool faulted = false;
            while (!step.end && (guest_.has_latched_nmi() || guest_.has_latched_irq())) step = walker.step();
            while (!step.end) {
                const auto* previous = path.empty() ? nullptr : &path.back().state;
                path.push_back({guest_.snapshot(previous), hits.reach(guest_.rip()), log_head(guest_), faulted});
                if (with_digests) add_digest(path);
                const auto instruction = guest_.next_instruction();
                step = walker.step();
                faulted = step.delivered && instruction && instruction->kind == vm::Kind::iret;
            }
        }
        if (!same_end(free_end)) {
            fail_stepping("the guest ends differently stepped and run freely: " + difference(free_end));
        }
        return path;
    }

    void add_digest(Path& path) const {
        static const Point none{};
        const auto& before = path.size() < 2 ? none : path[path.size() - 2];
        path.back().digest = digest_of(guest_.memory(), path.back().state, before.state.pages, before.digest);
    }

    void show_progress(const Context& context, std::uint64_t boundary, std::uint64_t boundaries) const {
        if (!options_.progress) return;
        options_.progress({result_.depth, boundary, boundaries, schedules_run(), result_.findings.size(),
                           Shard::block_of(context.boundaries_before + boundary)});
    }

    Guest& guest_;
    const SweepOptions& options_;
    std::unique_ptr<vm::Stepper> stepper_;
    std::vector<std::vector<std::pair<Virtual, Virtual>>> windows_of_event_;
    std::vector<Window> windows_;
    Landed landed_;
    std::map<FindingGroup, std::size_t> groups_;  ///< where in result_.findings
    std::set<std::string> broken_;
    std::vector<std::uint64_t> position_;  ///< as Checkpoint::next
    std::vector<std::uint64_t> next_;      ///< what to skip to; empty if there is nothing to skip
    StackMeter stacks_;                    ///< of the current level
    EqualStarts met_;                      ///< of the current block
    std::optional<std::uint64_t> block_;   ///< of the first events
    bool block_holds_ = true;
    std::uint64_t held_ = 0;
    SweepResult result_;
};

}  // namespace

SweepResult sweep(Guest& guest, const SweepOptions& options) { return Sweep(guest, options).run(); }

}  // namespace gatecrash::sweep
