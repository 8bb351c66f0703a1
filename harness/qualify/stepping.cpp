#include "vm/stepping/stepper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "qualify/guest_to_step.hpp"
#include "qualify/measurements.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

using vm::Guest;
using vm::Snapshot;
using vm::StepperKind;

/// What differs between an end and where the machine is now, for people. Empty if nothing does.
std::string difference(const Snapshot& a, Guest& guest) {
    const auto b = guest.snapshot(&a);
    std::string what;
    const auto compare = [&](bool same, const char* name) {
        if (!same) what += (what.empty() ? "" : ", ") + std::string(name);
    };
    compare(std::memcmp(&a.regs, &b.regs, sizeof a.regs) == 0, "registers");
    compare(std::memcmp(&a.sregs, &b.sregs, sizeof a.sregs) == 0, "special registers");
    compare(a.msrs == b.msrs, "MSRs");
    compare(guest.memory().equals(a.pages), "memory");
    return what;
}

/// Steps to the end. Returns the boundaries, and how it ended if not by END.
std::string step_to_end(Guest& guest, StepperKind kind) {
    constexpr std::size_t max_steps = 3 * instructions_to_step;
    const auto stepper = vm::make_stepper(kind, guest);
    stepper->enter();
    std::size_t boundaries = 0;
    std::optional<vm::Outcome> end;
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

std::string compare_ends(const Snapshot& free, Guest& guest) {
    const auto differs = difference(free, guest);
    return differs.empty() ? "the same end as a free run" : "other " + differs + " at the end than a free run";
}

std::string step_and_compare(Bench& bench, StepperKind kind) {
    auto& guest = bench.load_guest_to_step();
    const auto from = guest.snapshot();
    const auto free = run_bounded(guest);
    if (!rang(free, GATECRASH_PORT_END)) return "a free run ends with " + ending(free);
    const auto free_end = guest.snapshot();
    guest.restore(from);
    const auto steps = step_to_end(guest, kind);
    return steps + ", " + compare_ends(free_end, guest);
}

}  // namespace

std::string trap_flag_step(Bench& bench) { return step_and_compare(bench, StepperKind::trap_flag); }

std::string stop_bytes_step(Bench& bench) { return step_and_compare(bench, StepperKind::stop_bytes); }

std::string trap_flag_leaves_no_state(Bench& bench) {
    auto& guest = bench.load_guest_to_step();
    const auto from = guest.snapshot();
    (void)run_bounded(guest);
    const auto free_end = guest.snapshot();
    guest.restore(from);
    const auto stepper = vm::make_trap_flag_stepper(guest);
    stepper->enter();
    for (std::size_t steps = 1; steps < instructions_to_step; ++steps) {
        (void)stepper->step();
        constexpr std::size_t free_run_every = 4;  // steps
        if (steps % free_run_every != 0) continue;
        // Left in mid-way and just behind a step, as a sweep leaves it for each schedule.
        const auto here = guest.snapshot(&from);
        stepper->leave();
        guest.restore(here);
        const auto outcome = run_bounded(guest);
        if (!rang(outcome, GATECRASH_PORT_END)) {
            return fmt::format("behind {} steps a free run ends with {}", steps, ending(outcome));
        }
        if (const auto differs = difference(free_end, guest); !differs.empty()) {
            return fmt::format("behind {} steps a free run ends with other {}", steps, differs);
        }
        guest.restore(here);
        stepper->enter();
    }
    stepper->leave();
    return "a free run from any step ends the same";
}

}  // namespace gatecrash::qualify
