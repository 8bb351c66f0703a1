#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Event;

namespace {
constexpr auto nmi = Event::Kind::nmi, irq = Event::Kind::irq, db = Event::Kind::db;
}

extern const Case nested_nmi{
    .name = "nested-nmi",
    .asks = "Does an NMI that lands inside another one lose or corrupt a frame?",
    .variants =
        {
            {.name = "single-stack",
             .summary =
                 "one IST stack and no support for nesting; the body takes a breakpoint, whose IRET unmasks NMIs",
             .origin = "a well-known bug; Linux until 2011",
             .covers = {"A1"},
             .events = {Event::nmi()},
             .depth = 2,
             .expects =
                 breaks(Invariant::stack, {{{nmi, {"nmi_work", "event_body", "log_record", "entry_nmi", "nmi_iret"}}}}),
             .because = "the second NMI starts at the top of the same stack and overwrites the first one's frame"},
            {.name = "flag-only",
             .summary =
                 "a flag says that an NMI is being handled; a nested NMI makes the outer one's IRET fault and repeat",
             .origin = "Linus Torvalds, July 2010, before the RIP check",
             .covers = {"A2", "A7"},
             .events = {Event::nmi()},
             .depth = 2,
             .expects = breaks(Invariant::stack, {{{nmi, {"nmi_iret"}}}}),
             .because = "between the clearing of the flag and the IRET, a second NMI takes itself for the first"},
            {.name = "linus-2010",
             .summary = "flag-only, and the entry recognises an NMI on the final IRET by its RIP",
             .origin = "Linus Torvalds, July 2010",
             .covers = {"A2", "A4"},
             .events = {Event::nmi()},
             .depth = 2,
             .expects = holds(),
             .because = "the entry recognises an outer NMI at every boundary, as long as only NMIs arrive"},
            {.name = "linus-2010-bare-fixup",
             .summary = "linus-2010, but the entry does not recognise an NMI inside the fault of the final IRET",
             .origin = "the sketch of July 2010 with the simplest fixup for that fault",
             .covers = {"A4"},
             .events = {Event::nmi()},
             .depth = 2,
             .expects = breaks(Invariant::stack, {{{nmi, {}}, {nmi, {"entry_gp"}}}}),
             .because = "the faulting IRET unmasks NMIs while the flag is clear and the kernel still needs the frame"},
            {.name = "linus-2010-irq",
             .summary = "linus-2010 with interrupts on in the body and on the final IRET",
             .origin = "Mathieu Desnoyers' objection, 15 July 2010",
             .covers = {"A3"},
             .events = {Event::irq(), Event::nmi()},
             .depth = 2,
             .expects =
                 breaks(Invariant::stack,
                        {{{irq, {"nmi_iret"}}, {nmi, {"entry_irq_stubs", "entry_irq", "event_body", "log_record"}}}}),
             .because = "an interrupt that lands on the final IRET hides that RIP from a second NMI"},
            {.name = "linus-2010-cli",
             .summary = "linus-2010-irq, but the exit turns interrupts off before it clears the flag",
             .origin = "Mathieu Desnoyers' fix, 15 July 2010",
             .covers = {"A3"},
             .events = {Event::irq(), Event::nmi()},
             .depth = 2,
             .expects = holds(),
             .because = "only an NMI can then land on the final IRET, and the entry recognises that one by its RIP"},
            {.name = "copied-frame",
             .summary = "the entry copies the frame twice and marks that an NMI executes; a nested NMI makes the outer "
                        "one repeat",
             .origin = "Steven Rostedt 2011, Andy Lutomirski 2015",
             .covers = {"A1", "A6", "A7", "A20"},
             .events = {Event::nmi()},
             .depth = 2,
             .expects = holds(),
             .because =
                 "the entry recognises a nested NMI at every boundary: by RIP range, by the mark, or by stack and DF"},
            {.name = "copied-frame-late-check",
             .summary = "copied-frame, but the test for RIP in the copy comes after the tests for nesting",
             .origin = "Linux before a27507ca2d79 (2015)",
             .covers = {"A6"},
             .events = {Event::nmi()},
             .depth = 2,
             .expects = breaks(Invariant::stack, {{{nmi, {}}, {nmi, {"nmi_repeat"}}}}),
             .because = "a nested NMI rewrites a half-copied frame, and the copy then overwrites a part of it"},
            {.name = "linus-2010-breakpoint",
             .summary = "linus-2010 with a breakpoint on an instruction of the NMI's body",
             .origin = "constructed from the fact that POPF and RET cannot restore RF",
             .covers = {"A5"},
             .events = {Event::db(), Event::nmi()},
             .depth = 3,
             .expects = breaks(Invariant::progress, {{{db, {"nmi_site"}}, {nmi, {"nmi_site"}}, {db, {"nmi_site"}}}}),
             .because = "POPF never sets RF, so the breakpoint triggers again after a nested NMI",
             .window = {{"nmi_site", "nmi_site_end"}}},
            {.name = "copied-frame-breakpoint",
             .summary = "copied-frame with the same breakpoint",
             .origin = "Steven Rostedt 2011, Andy Lutomirski 2015",
             .covers = {"A5"},
             .events = {Event::db(), Event::nmi()},
             .depth = 3,
             .expects = holds(),
             .because = "a nested NMI returns by IRET, which restores RF",
             .window = {{"nmi_site", "nmi_site_end"}}},
        },
};

}  // namespace gatecrash::cases
