#include "sweep/replay.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sweep/examine.hpp"
#include "sweep/trace/observer.hpp"
#include "sweep/window.hpp"
#include "vm/run_patiently.hpp"
#include "vm/stepping/walker.hpp"

namespace gatecrash::sweep {
namespace {

void check_symbols(const vm::Image& image, const Schedule& schedule) {
    for (const auto& landing : schedule.landings) {
        const auto& boundary = landing.boundary;
        if (boundary.index || image.symbols.find(boundary.symbol)) continue;
        throw ScheduleError(
            fmt::format("{} has no symbol {}: is the schedule for another guest, or an older build of it?", image.name,
                        boundary.symbol));
    }
}

/// Names the boundaries as the sweep names them: by the nearest symbol.
std::vector<Landing> canonical(const vm::Image& image, std::vector<Landing> landings) {
    for (auto& landing : landings) {
        auto& boundary = landing.boundary;
        if (boundary.index) continue;
        const vm::Virtual at{number(*image.symbols.find(boundary.symbol)) + boundary.offset};
        const auto named = boundary_of(image.symbols, {.rip = at});
        boundary.symbol = named.symbol;
        boundary.offset = named.offset;
    }
    return landings;
}

/// Traces a guest that ends before its first window, from the moment when it was `booted`. The trace ends at an
/// instruction that cannot be stepped, or after 2 000 steps.
void trace_boot(vm::Guest& guest, const vm::Snapshot& booted, vm::Stepper& stepper, const TraceSink& sink) {
    constexpr std::uint64_t max_steps = 2'000;
    guest.restore(booted);
    TraceObserver trace(guest, sink);
    try {
        vm::Walker walker(guest, stepper);
        vm::Step step;
        while (!step.end && walker.steps() < max_steps) {
            trace.before_step(guest);
            step = walker.step();
            trace.after_step(guest, step);
        }
        if (!step.end) sink(TraceEnd{fmt::format("and so on, after {} steps", max_steps)});
    } catch (const vm::CannotStep& error) {
        sink(TraceEnd{error.what()});
    }
}

}  // namespace

ReplayResult replay(vm::Guest& guest, const Schedule& schedule, vm::StepperKind kind, const TraceSink& sink) {
    check_symbols(guest.image(), schedule);
    const auto landings = canonical(guest.image(), schedule.landings);
    const auto is_watch = [](const Landing& landing) { return vm::arms_watchpoint(landing.event); };
    if (std::ranges::any_of(landings, is_watch)) guest.expect_watchpoints();
    const auto stepper = vm::make_stepper(kind, guest);
    const HitCounter hits;
    ReplayResult result;
    ScheduleLander lander(landings, hits);
    const auto booted = guest.snapshot();
    bool is_booting = true;
    const auto next = [&] {
        try {
            return next_window(guest);
        } catch (const vm::ImageError&) {
            if (is_booting && sink) trace_boot(guest, booted, *stepper, sink);
            throw;
        }
    };
    while (auto window = next()) {
        is_booting = false;
        open_window(guest, *window);
        const auto outcome = vm::run_patiently(guest);
        check_end(guest, outcome);
        if (outcome == vm::Outcome{vm::Doorbell{GATECRASH_PORT_END}}) {
            auto vectors = vectors_since(guest, *window);
            window->vectors.insert(vectors.begin(), vectors.end());
            window->end = guest.snapshot();
            // An empty schedule asks about the run without events, so that run cannot be its own reference.
            if (!landings.empty()) learn_user_states(guest, *window, *stepper);
        }
        TraceObserver trace(guest, sink);
        auto* const observer = sink ? &trace : nullptr;
        auto tried = lander;
        auto examination = examine(guest, *window, *stepper, tried, Checks::at_end);
        if (!examination.violations.empty()) {
            examination = examine(guest, *window, *stepper, lander, Checks::at_each_step, observer);
        } else if (observer != nullptr) {
            (void)examine(guest, *window, *stepper, lander, Checks::at_end, observer);
        } else {
            lander = tried;
        }
        result.steps += examination.steps;
        result.ending = examination.ending;
        result.violations = std::move(examination.violations);
        if (!result.violations.empty() || lander.landed() != 0 || !window->end) break;
        guest.restore(*window->end);
    }
    if (const auto* missed = lander.missed(); missed != nullptr && result.violations.empty()) {
        throw ScheduleError(fmt::format("the run never reaches {}{}", to_string(*missed),
                                        lander.landed() == 0 ? "" : " after the event before it"));
    }
    return result;
}

}  // namespace gatecrash::sweep
