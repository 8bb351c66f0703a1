#include "gatecrash/machine/stepper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "guest_to_step.hpp"
#include "measurements.hpp"
#include "recording_guest.hpp"

namespace gatecrash::qualify {
namespace {

using machine::Machine;
using machine::Snapshot;
using machine::StepperKind;

/// What differs between an end and where the machine is now, for people. Empty if nothing does.
std::string difference(const Snapshot& a, Machine& machine) {
    const auto b = machine.snapshot(&a);
    std::string what;
    const auto compare = [&](bool same, const char* name) {
        if (!same) what += (what.empty() ? "" : ", ") + std::string(name);
    };
    compare(std::memcmp(&a.regs, &b.regs, sizeof a.regs) == 0, "registers");
    compare(std::memcmp(&a.sregs, &b.sregs, sizeof a.sregs) == 0, "special registers");
    compare(a.msrs == b.msrs, "MSRs");
    compare(machine.memory().equals(a.pages), "memory");
    return what;
}

/// Steps to the end. Returns the boundaries, and how it ended if not by END.
std::string step_to_end(Machine& machine, StepperKind kind) {
    constexpr std::size_t max_steps = 3 * instructions_to_step;
    const auto stepper = machine::make_stepper(kind, machine);
    stepper->enter();
    std::size_t boundaries = 0;
    std::optional<machine::Outcome> end;
    while (!end && boundaries < max_steps) {
        ++boundaries;
        end = stepper->step().end;
    }
    stepper->leave();
    if (!end) return "no end";
    const bool well = rang(*end, GATECRASH_PORT_END);
    return (boundaries == instructions_to_step
                ? "every instruction"
                : fmt::format("{} steps for {} instructions", boundaries, instructions_to_step)) +
           (well ? "" : ", then " + ending(*end));
}

std::string compare_ends(const Snapshot& free, Machine& machine) {
    const auto differs = difference(free, machine);
    return differs.empty() ? "the same end as a free run" : "other " + differs + " at the end than a free run";
}

std::string step_and_compare(Bench& bench, StepperKind kind) {
    auto& machine = bench.load_guest_to_step();
    const auto from = machine.snapshot();
    const auto free = run_bounded(machine);
    if (!rang(free, GATECRASH_PORT_END)) return "a free run ends with " + ending(free);
    const auto free_end = machine.snapshot();
    machine.restore(from);
    const auto steps = step_to_end(machine, kind);
    return steps + ", " + compare_ends(free_end, machine);
}

}  // namespace

std::string trap_flag_step(Bench& bench) { return step_and_compare(bench, StepperKind::trap_flag); }

std::string stop_bytes_step(Bench& bench) { return step_and_compare(bench, StepperKind::stop_bytes); }

std::string trap_flag_leaves_no_state(Bench& bench) {
    auto& machine = bench.load_guest_to_step();
    const auto from = machine.snapshot();
    (void)run_bounded(machine);
    const auto free_end = machine.snapshot();
    machine.restore(from);
    const auto stepper = machine::make_trap_flag_stepper(machine);
    stepper->enter();
    for (std::size_t steps = 1; steps < instructions_to_step; ++steps) {
        (void)stepper->step();
        constexpr std::size_t free_run_every = 4;  // steps
        if (steps % free_run_every != 0) continue;
        // Left in mid-way and just behind a step, as a sweep leaves it for each schedule.
        const auto here = machine.snapshot(&from);
        stepper->leave();
        machine.restore(here);
        const auto outcome = run_bounded(machine);
        if (!rang(outcome, GATECRASH_PORT_END)) {
            return fmt::format("behind {} steps a free run ends with {}", steps, ending(outcome));
        }
        if (const auto differs = difference(free_end, machine); !differs.empty()) {
            return fmt::format("behind {} steps a free run ends with other {}", steps, differs);
        }
        machine.restore(here);
        stepper->enter();
    }
    stepper->leave();
    return "a free run from any step ends the same";
}

}  // namespace gatecrash::qualify
