#include "sweep/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "sweep/event_windows.hpp"
#include "sweep/guest_subject.hpp"
#include "sweep/tally.hpp"
#include "sweep/trace/lines.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Event;

/// An event, the boundaries `from` which it is delivered at `to`, and that boundary. `to` is the last of `from`, unless
/// the event cannot land at `to`.
struct Delivery {
    Event event;
    const std::vector<const Point*>& from;
    const Point& to;
};

/// A window, and how its boundaries are counted.
struct Context {
    std::uint64_t window = 0;
    HitCounter hits{};                    ///< the counter at the beginning of the window
    std::uint64_t boundaries_before = 0;  ///< boundaries in the windows before it
};

struct Interrupted {};
struct BudgetSpent {};

/// Skips what a sweep did before the checkpoint from which it resumes.
class Resume {
  public:
    void begin(const Checkpoint& from) { from_ = &from; }
    /// True if there is nothing left to skip.
    [[nodiscard]] bool is_over() const { return from_ == nullptr; }
    [[nodiscard]] bool skips(const Position& position) const {
        return !is_over() && compare_start(position, from_->next) < 0;
    }
    /// Returns the checkpoint if `position` is where it was taken, and skips nothing from then on.
    const Checkpoint* arrive(const Position& position) {
        const bool is_there = !is_over() && position.events.size() == from_->next.events.size() &&
                              compare_start(position, from_->next) >= 0;
        return is_there ? std::exchange(from_, nullptr) : nullptr;
    }
    [[nodiscard]] const Checkpoint& from() const { return *from_; }

  private:
    const Checkpoint* from_ = nullptr;
};

/// Removes the index of each boundary that has a symbol. A boundary below all symbols has no other name.
std::vector<Landing> without_indices(std::vector<Landing> schedule) {
    for (auto& landing : schedule) {
        if (!landing.boundary.symbol.empty()) landing.boundary.index.reset();
    }
    return schedule;
}

/// Goes through all schedules in order.
class Sweep {
  public:
    Sweep(Subject& subject, const SweepOptions& options)
        : subject_(subject),
          options_(options),
          windows_(subject, options.events, options.window),
          tally_(options),
          recorder_(tally_.map()) {}

    SweepResult run() {
        auto result = run_all();
        result.code = subject_.code();
        if (options_.with_details && options_.shard.index == 1) result.instructions = subject_.instructions();
        return result;
    }

  private:
    SweepResult run_all() {
        try {
            sweep_without_events();
            if (options_.from) {
                tally_.go_back_to(*options_.from);
                recorder_.restart();
                resume_.begin(*options_.from);
                subject_.restart_extremes();
                sweep_level();
            }
            if (must_count_boundaries()) count_boundaries();
            while (result().findings.empty() && result().depth < options_.depth) {
                tally_.add_executed(subject_.take_executed());
                tally_.next_level();
                subject_.restart_extremes();
                if (result().depth == 1 || has_blocks()) sweep_level();
            }
        } catch (const Interrupted&) {
            tally_.interrupt();
        } catch (const BudgetSpent&) {
            tally_.run_out(coverage());
        } catch (const EnoughFound&) {
            tally_.stop_early();
        }
        tally_.add_executed(subject_.take_executed());
        return tally_.finish();
    }

    [[nodiscard]] const SweepResult& result() const { return tally_.result(); }
    [[nodiscard]] During during(Phase phase) const { return {options_.clock, phase}; }

    /// Runs the first schedule, which has no events, in each window. It is the reference for all others.
    void sweep_without_events() {
        while (subject_.find_window()) {
            run_schedule({.window = subject_.windows()});
            if (!result().findings.empty()) return;
            subject_.keep_window();
        }
        subject_.finish_windows();
    }

    void sweep_level() {
        const auto phase = during(Phase::injecting);  // what lies between two schedules, too
        HitCounter hits;
        std::uint64_t boundaries = 0;
        block_.reset();
        for (std::size_t i = 0; i < subject_.windows(); ++i) {
            const Context context{i, hits, boundaries};
            const auto path = subject_.path_of(i, hits);
            boundaries += path.size();
            tally_.count_boundaries(boundaries);
            if (result().depth == 1) add_to_map(context, path);
            position_ = {.window = i, .events = {}};
            extend(context, path, result().depth);
        }
    }

    /// Delivers each event at each boundary of `path`, and more events after it while `more` is above 1.
    void extend(const Context& context, const Path& path, unsigned more) {
        const bool first = landed_.empty();
        if (more == 1) begin_map_path(context);
        position_.events.emplace_back();
        // For each event: where it can land, since the last boundary at which it could be delivered.
        std::vector<std::vector<const Point*>> landings(options_.events.size());
        for (std::size_t i = 0; i < path.size(); ++i) {
            const auto& point = *path[i];
            if (first) {
                show_progress(context, i, path.size());
                enter_block(context.boundaries_before + i);
            }
            if (more == 1) recorder_.begin_boundary(i, point.rip(), [&] { return map_place(point); });
            for (std::size_t e = 0; e < options_.events.size(); ++e) {
                if (options_.in_order && e != landed_.size()) continue;
                const auto& event = options_.events[e];
                const bool lands = windows_.has(e, point.rip()) && subject_.can_land(event, point);
                if (lands) landings[e].push_back(&point);
                const bool is_delivered = subject_.can_deliver(event, point);
                if (more == 1 && (!is_delivered || landings[e].empty())) {
                    recorder_.note(e, lands ? Cell::waits : Cell::cannot_land);
                }
                if (!is_delivered) continue;
                const auto from = std::exchange(landings[e], {});
                if (first && !options_.shard.has(context.boundaries_before + i)) continue;
                position_.events.back() = {i, e, position_.events.back().wait};
                deliver(context, {event, from, point}, more);
            }
        }
        position_.events.pop_back();
    }

    /// Lands an event at each boundary from which it is delivered at the same place; it waits at all of them but the
    /// last. A waiting event gives the same run as one that lands where it can be delivered. So with pruning, only the
    /// last is run.
    void deliver(const Context& context, const Delivery& delivery, unsigned more) {
        const bool first = landed_.empty();
        const auto& [event, from, to] = delivery;
        landed_.push_back({event, &to});
        const std::size_t waits = from.empty() ? 0 : from.size() - 1;
        bool done = false;
        for (std::size_t i = options_.prune ? waits : 0; i < from.size(); ++i) {
            position_.events.back().wait = i;
            if (const auto* checkpoint = resume_.arrive(position_)) block_holds_ = checkpoint->block_holds;
            done = resume_.skips(position_);
            if (done && !must_be_known(context)) continue;
            if (!first && compares_states() && !subject_.is_new(context.window, *from[i], landed_, more)) {
                if (!done) tally_.count_pruned(1);
                if (more == 1) note(Cell::pruned);
            } else if (!done || more > 1) {
                land(context, *from[i], delivery, more);
            }
        }
        landed_.pop_back();
        if (options_.prune && !done) tally_.count_pruned(waits);
    }

    void land(const Context& context, const Point& from, const Delivery& delivery, unsigned more) {
        if (options_.stop != nullptr && options_.stop->load()) throw Interrupted{};
        if (more > 1) {
            // This schedule was run one level up and holds. Stepping finds its path, and must reach the same end.
            const auto path = subject_.path_after(from, delivery.event, delivery.to, compares_states());
            return extend(context, path, more - 1);
        }
        if (options_.at_schedule) options_.at_schedule([this] { return checkpoint(); });
        if (options_.budget != 0 && tally_.schedules_run() >= options_.budget) throw BudgetSpent{};
        subject_.land(from, delivery.event, delivery.to);
        run_schedule(context);
    }

    /// Runs the guest on after the events have landed. Examines a run that breaks something step by step.
    void run_schedule(const Context& context) {
        tally_.count_run();
        const auto ending = subject_.run(context.window, landed_, tally_.extremes());
        note(Cell::held);
        if (ending == Ending::held) {
            if (options_.examine_each != 0 && ++held_ % options_.examine_each == 0) examine_held(context);
            return;
        }
        const auto phase = during(ending == Ending::broken ? Phase::examining : Phase::endless);
        const bool is_known = ending != Ending::unclear && tally_.knows(context.window, schedule());
        if (is_known) return add(context, {});
        const auto landings = schedule();
        KeptTrace trace;
        TraceSink sink;
        if (options_.with_details && result().findings.size() < most_traced)
            sink.receive = [&trace](const TraceItem& item) { trace.add(item); };
        const auto violations = subject_.examine(context.window, context.hits, landings, ending, sink);
        if (violations.empty()) return;
        auto finding = finding_of({subject_.name(), without_indices(landings)}, violations);
        finding.trace = trace.take();
        finding.window = context.window;
        finding.order = order_of(context);
        finding.block = block_.value_or(0);
        add(context, std::move(finding));
    }

    void examine_held(const Context& context) {
        const auto landings = schedule();
        const auto violations = subject_.examine(context.window, context.hits, landings, Ending::held, {});
        if (violations.empty()) return;
        throw vm::MachineFault(fmt::format("{} holds when run freely, but not when stepped: {}",
                                           to_string(Schedule{subject_.name(), without_indices(landings)}),
                                           violations.front().message));
    }

    void add(const Context& context, std::optional<Finding> finding) {
        block_holds_ = false;
        note(Cell::broke);
        tally_.add(context.window, without_indices(schedule()), std::move(finding));
    }

    /// Returns the events that have landed, with their boundaries named.
    [[nodiscard]] std::vector<Landing> schedule() const {
        std::vector<Landing> landings;
        for (const auto& [event, at] : landed_) landings.push_back({event, subject_.boundary_of(at->reached())});
        return landings;
    }

    // --- map ---------------------------------------------------------------------------------------------------------

    /// Adds the path without events of a window.
    void add_to_map(const Context& context, const Path& path) {
        auto& map = tally_.map();
        map.events.clear();
        for (const auto& event : options_.events) map.events.push_back(to_string(event));
        map.windows.resize(std::max(map.windows.size(), context.window + 1));
        auto& places = map.windows[context.window];
        places.clear();  // a sweep that resumes passes here again
        for (const auto& point : path) {
            if (context.boundaries_before + places.size() >= OutcomeMap::most_boundaries) return;
            places.push_back(map_place(*point));
        }
    }

    /// Begins a path in the map, on which the last event of each schedule is delivered.
    void begin_map_path(const Context& context) {
        const auto& before = position_.events;
        if (before.size() > 1) return recorder_.end_path();
        std::optional<MapFirst> first;
        if (!before.empty()) first = {before.front().boundary, before.front().event};
        recorder_.begin_path(context.window, first, context.boundaries_before);
    }

    /// Notes the outcome of the schedule that was just run.
    void note(Cell cell) {
        if (!position_.events.empty()) recorder_.note(position_.events.back().event, cell);
    }

    [[nodiscard]] MapPlace map_place(const Point& point) const {
        const auto boundary = subject_.boundary_of(point.reached());
        return {point.rip(), boundary.symbol, boundary.offset};
    }

    // --- blocks ------------------------------------------------------------------------------------------------------

    void enter_block(std::uint64_t boundary) {
        if (block_ == Shard::block_of(boundary)) return;
        block_ = Shard::block_of(boundary);
        block_holds_ = true;
        subject_.forget();
        tally_.enter_block(*block_);
    }

    /// True if the sweep looks for equal states. After something breaks in a block, it stops looking there, so as to
    /// find all that is alike.
    [[nodiscard]] bool compares_states() const { return options_.prune && block_holds_; }

    /// True if a skipped schedule belongs to the block in which the sweep resumes. Then its state must be noted again.
    [[nodiscard]] bool must_be_known(const Context& context) const {
        const auto& from = resume_.from();
        const auto block = [&](const Position& position) {
            return Shard::block_of(context.boundaries_before + position.events.front().boundary);
        };
        return from.block_holds && position_.window == from.next.window && block(position_) == block(from.next);
    }

    /// True if this shard has a boundary. The sweep knows how many boundaries there are after the schedules of one
    /// event.
    [[nodiscard]] bool has_blocks() const { return options_.shard.has_any_of(result().boundaries); }

    // --- counts ------------------------------------------------------------------------------------------------------

    [[nodiscard]] Checkpoint checkpoint() {
        tally_.add_executed(subject_.take_executed());
        return {result(), position_, tally_.broken(), block_holds_};
    }

    /// True if the sweep counts the boundaries in advance. Their number in a result must not depend on the window in
    /// which the sweep stops.
    [[nodiscard]] bool must_count_boundaries() const {
        const bool is_asked_for = options_.counted || (options_.max_findings != 0 && subject_.windows() > 1);
        return is_asked_for && options_.depth != 0 && result().boundaries == 0 && result().findings.empty();
    }

    void count_boundaries() {
        HitCounter hits;
        std::uint64_t boundaries = 0;
        for (std::size_t i = 0; i < subject_.windows(); ++i) boundaries += subject_.path_of(i, hits).size();
        tally_.count_boundaries(boundaries);
        if (options_.counted) options_.counted(boundaries);
    }

    /// Returns how far the sweep got before its budget ran out.
    [[nodiscard]] Coverage coverage() {
        Coverage coverage{result().depth, 0, 0};
        HitCounter hits;
        std::uint64_t boundaries = 0, reached = 0;
        for (std::size_t i = 0; i < subject_.windows(); ++i) {
            if (i == position_.window) reached = boundaries + position_.events.front().boundary;
            boundaries += subject_.path_of(i, hits).size();
        }
        for (std::uint64_t boundary = 0; boundary < boundaries; ++boundary) {
            if (!options_.shard.has(boundary)) continue;
            ++coverage.of;
            if (boundary < reached) ++coverage.boundaries;
        }
        return coverage;
    }

    /// Returns Finding::order. It follows from the first event and where that is delivered, so it is the same in every
    /// shard.
    [[nodiscard]] std::uint64_t order_of(const Context& context) const {
        if (position_.events.empty()) return 0;
        const auto& first = position_.events.front();
        return (context.boundaries_before + first.boundary) * options_.events.size() + first.event;
    }

    void show_progress(const Context& context, std::uint64_t boundary, std::uint64_t boundaries) const {
        if (!options_.progress) return;
        options_.progress({result().depth, boundary, boundaries, tally_.schedules_run(), result().findings.size(),
                           Shard::block_of(context.boundaries_before + boundary)});
    }

    Subject& subject_;
    const SweepOptions& options_;
    EventWindows windows_;
    Tally tally_;
    MapRecorder recorder_;
    Resume resume_;
    Position position_;
    std::vector<Landed> landed_;
    std::optional<std::uint64_t> block_;  ///< the block of the first events
    bool block_holds_ = true;
    std::uint64_t held_ = 0;
};

}  // namespace

SweepResult sweep(Subject& subject, const SweepOptions& options) { return Sweep(subject, options).run(); }

SweepResult sweep(vm::Guest& guest, const SweepOptions& options) {
    GuestSubject subject(guest, options.stepper, options.events, options.clock);
    return sweep(subject, options);
}

}  // namespace gatecrash::sweep
