#include "gatecrash/explore/replay.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "examine.hpp"
#include "trace.hpp"
#include "walker.hpp"
#include "window.hpp"

namespace gatecrash::explore {
namespace {

void check_symbols(const machine::Image& image, const Schedule& schedule) {
    for (const auto& landing : schedule.landings) {
        const auto& boundary = landing.boundary;
        if (boundary.index || image.symbols.find(boundary.symbol)) continue;
        throw ScheduleError(
            fmt::format("{} has no symbol {}: is the schedule for another guest, or an older build of it?", image.name,
                        boundary.symbol));
    }
}

/// The same boundaries, named as the sweep names them: by the nearest symbol.
std::vector<Landing> canonical(const machine::Image& image, std::vector<Landing> landings) {
    for (auto& landing : landings) {
        auto& boundary = landing.boundary;
        if (boundary.index) continue;
        const machine::Virtual at{number(*image.symbols.find(boundary.symbol)) + boundary.offset};
        const auto named = boundary_of(image.symbols, {.rip = at});
        boundary.symbol = named.symbol;
        boundary.offset = named.offset;
    }
    return landings;
}

/// Traces a guest that ends before its first window, from the moment it was `booted`. What cannot be stepped ends the
/// trace.
void trace_boot(machine::Machine& machine, const machine::Snapshot& booted, machine::Stepper& stepper,
                const TraceSink& sink) {
    constexpr std::uint64_t max_steps = 2'000;
    machine.restore(booted);
    TraceObserver trace(machine, sink);
    try {
        Walker walker(machine, stepper);
        machine::Step step;
        while (!step.end && walker.steps() < max_steps) {
            trace.before_step(machine);
            step = walker.step();
            trace.after_step(machine, step);
        }
        if (!step.end) sink(fmt::format("--- and so on, after {} steps", max_steps));
    } catch (const machine::CannotStep& error) {
        sink(fmt::format("--- {}", error.what()));
    }
}

}  // namespace

ReplayResult replay(machine::Machine& machine, const Schedule& schedule, machine::StepperKind kind,
                    const TraceSink& sink) {
    check_symbols(machine.image(), schedule);
    const auto landings = canonical(machine.image(), schedule.landings);
    const auto is_watch = [](const Landing& landing) { return landing.event.kind == machine::Event::Kind::watch; };
    if (std::ranges::any_of(landings, is_watch)) machine.expect_watchpoints();
    const auto stepper = machine::make_stepper(kind, machine);
    const HitCounter hits;
    ReplayResult result;
    ScheduleLander lander(landings, hits);
    const auto booted = machine.snapshot();
    bool is_booting = true;
    const auto next = [&] {
        try {
            return next_window(machine);
        } catch (const machine::ImageError&) {
            if (is_booting && sink) trace_boot(machine, booted, *stepper, sink);
            throw;
        }
    };
    while (auto window = next()) {
        is_booting = false;
        open_window(machine, *window);
        const auto outcome = run_patiently(machine);
        check_end(machine, outcome);
        if (outcome == machine::Outcome{machine::Doorbell{GATECRASH_PORT_END}}) {
            auto vectors = vectors_since(machine, *window);
            window->vectors.insert(vectors.begin(), vectors.end());
            window->end = machine.snapshot();
            // The run without events is itself what an empty schedule is about.
            if (!landings.empty()) learn_user_states(machine, *window, *stepper);
        }
        TraceObserver trace(machine, sink);
        auto* const observer = sink ? &trace : nullptr;
        auto tried = lander;
        auto examination = examine(machine, *window, *stepper, tried, Checks::at_end);
        if (!examination.violations.empty()) {
            examination = examine(machine, *window, *stepper, lander, Checks::at_each_step, observer);
        } else if (observer != nullptr) {
            (void)examine(machine, *window, *stepper, lander, Checks::at_end, observer);
        } else {
            lander = tried;
        }
        result.steps += examination.steps;
        result.ending = examination.ending;
        result.violations = std::move(examination.violations);
        if (!result.violations.empty() || lander.landed() != 0 || !window->end) break;
        machine.restore(*window->end);
    }
    if (const auto* missed = lander.missed(); missed != nullptr && result.violations.empty()) {
        throw ScheduleError(fmt::format("the run never reaches {}{}", to_string(*missed),
                                        lander.landed() == 0 ? "" : " after the event in front of it"));
    }
    return result;
}

}  // namespace gatecrash::explore
