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
    .asks = "Does user code that is stepped with TF see what it would see without?",
    .variants =
        {
            {.name = "reference",
             .summary = "the debugger does a PUSHF itself, also the first instruction, before it returns with TF",
             .origin = "what debuggers and probes do with instructions that show TF",
             .covers = {"G21", "G22"},
             .events = {Event::irq()},
             .depth = 1,
             .expects = holds(),
             .because = "no instruction that shows TF is executed with it",
             .needs = {Behaviour::tf_step}},
            {.name = "pushf-stepped",
             .summary = "a PUSHF is stepped like any other instruction",
             .origin = "SDM volume 2, PUSHF",
             .covers = {"G21"},
             .events = {Event::irq()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::round_trip),
             .because = "TF is in what it pushes",
             .needs = {Behaviour::tf_step}},
            {.name = "first-not-looked-at",
             .summary = "the debugger looks at an instruction when the trap in front of it comes",
             .origin = "SDM volume 3, 17.3.1.4",
             .covers = {"G22"},
             .events = {Event::irq()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::round_trip),
             .because = "IRET that sets TF traps behind the user's first instruction, not in front of it",
             .needs = {Behaviour::tf_step}},
        },
};

}  // namespace gatecrash::cases
