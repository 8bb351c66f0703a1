#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks_without_event;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Behaviour;
using vm::Event;

extern const Case single_step{
    .name = "single-step",
    .asks = "Does user code that a debugger steps with TF see the same as without TF?",
    .variants =
        {
            {.name = "reference",
             .summary = "the debugger emulates PUSHF, also as the first instruction, before it returns with TF",
             .origin = "the way debuggers and probes treat instructions that show TF",
             .covers = {"G21", "G22"},
             .events = {Event::irq()},
             .depth = 1,
             .expects = holds(),
             .because = "no instruction that shows TF executes while TF is set",
             .needs = {Behaviour::tf_step}},
            {.name = "pushf-stepped",
             .summary = "the debugger steps a PUSHF like any other instruction",
             .origin = "SDM volume 2, PUSHF",
             .covers = {"G21"},
             .events = {Event::irq()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::round_trip),
             .because = "PUSHF pushes the debugger's TF",
             .needs = {Behaviour::tf_step}},
            {.name = "first-not-looked-at",
             .summary = "the debugger checks an instruction only when the trap before it arrives",
             .origin = "SDM volume 3, 17.3.1.4",
             .covers = {"G22"},
             .events = {Event::irq()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::round_trip),
             .because =
                 "after an IRET that sets TF, the first trap comes after the user's first instruction, not before it",
             .needs = {Behaviour::tf_step}},
        },
};

}  // namespace gatecrash::cases
