#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::breaks_without_event;
using suite::Case;
using suite::holds;
using sweep::Invariant;
using vm::Event;

namespace {
constexpr auto nmi = Event::Kind::nmi;
}

extern const Case int3{
    .name = "int3",
    .asks = "Does INT3 do no harm, be it the user's, the kernel's, or in text that is being patched?",
    .variants =
        {
            {.name = "reference",
             .summary = "#BP has no IST stack, looks for patched text before all else, and leaves room to push a call",
             .origin = "Linux since 2020",
             .covers = {"H1", "H2", "H3", "H5", "H6", "H7", "H8"},
             .events = {Event::nmi(), Event::db(), Event::mc(), Event::irq()},
             .depth = 1,
             .expects = holds(),
             .because = "whatever the body of #BP does comes behind the part that nothing may patch"},
            {.name = "sites-last",
             .summary = "the body of #BP runs before it is known whether text is being patched",
             .origin = "Linux until 2020",
             .covers = {"H1"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::stack),
             .because = "that body executes text that is being patched, which is a #BP, until the stack is used up"},
            {.name = "no-gap",
             .summary = "#BP's frame stays right below the stack that it interrupted",
             .origin = "Linux, when calls were first emulated (2019)",
             .covers = {"H3"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::stack),
             .because = "the return address that the emulated call pushes goes where the frame has SS"},
            {.name = "in-entry-text",
             .summary = "an INT3 in front of an entry's SWAPGS",
             .origin = "what keeping probes out of entry text is for",
             .covers = {"H5"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::kernel_gs),
             .because = "#BP judges by CS, which is the kernel's there, and the GS base is the user's"},
            {.name = "restored-site",
             .summary = "a #BP whose INT3 is gone from text by now is like any other",
             .origin = "the race that kprobes and text patching know",
             .covers = {"H6"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::round_trip),
             .because = "the instruction that is there again is left out"},
            {.name = "on-ist",
             .summary = "#BP has an IST stack",
             .origin = "Linux until 2018",
             .covers = {"H7"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::stack),
             .because = "a #BP in the body of #BP overwrites its frame"},
            {.name = "nmi-expects-none",
             .summary = "an NMI's entry that takes it for granted that NMIs stay masked",
             .origin = "Linux until 2011",
             .covers = {"H2"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::stack, {{{nmi, {}}}}),
             .because = "the IRET of an INT3 in the NMI's body unmasks NMIs, and the next one overwrites the frame"},
            {.name = "nmi-writes-idt",
             .summary = "the NMI takes #DB's gate off its IST stack, in the IDT itself",
             .origin = "after Linux 228bdaa9 (2012), which swapped IDTs to that end",
             .covers = {"H8"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::read_only_tables),
             .because = "the IDT is read-only: the write is a #PF in the NMI"},
        },
};

}  // namespace gatecrash::cases
