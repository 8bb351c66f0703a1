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
    .asks = "Is INT3 harmless in user code, in kernel code, and in text that is being patched?",
    .variants =
        {
            {.name = "reference",
             .summary = "#BP has no IST stack, checks for patched text first, and leaves room for the return address "
                        "of a call",
             .origin = "Linux since 2020",
             .covers = {"H1", "H2", "H3", "H5", "H6", "H7", "H8"},
             .events = {Event::nmi(), Event::db(), Event::mc(), Event::irq()},
             .depth = 1,
             .expects = holds(),
             .because = "#BP first runs code that nothing may patch, and its other work comes after that"},
            {.name = "sites-last",
             .summary = "the body of #BP runs before it checks for patched text",
             .origin = "Linux until 2020",
             .covers = {"H1"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::stack),
             .because = "the body itself executes patched text, so #BPs nest until they use up the stack"},
            {.name = "no-gap",
             .summary = "the frame of #BP stays directly below the stack that it interrupted",
             .origin = "the first emulation of calls in Linux (2019)",
             .covers = {"H3"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::stack),
             .because = "the emulated call pushes its return address over the SS of the frame"},
            {.name = "in-entry-text",
             .summary = "an entry contains an INT3 before its SWAPGS",
             .origin = "constructed to show why kernels refuse probes in entry text",
             .covers = {"H5"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::kernel_gs),
             .because = "#BP decides by CS, which is the kernel's there, while the GS base is still the user's"},
            {.name = "restored-site",
             .summary = "#BP does not check whether the INT3 is still in the text",
             .origin = "a race that kprobes and text patching have to handle",
             .covers = {"H6"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::round_trip),
             .because = "the handler skips the restored instruction"},
            {.name = "on-ist",
             .summary = "#BP uses an IST stack",
             .origin = "Linux until 2018",
             .covers = {"H7"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::stack),
             .because = "a #BP in the body of #BP overwrites the frame of the first one"},
            {.name = "nmi-expects-none",
             .summary = "the entry of an NMI assumes that NMIs stay masked",
             .origin = "Linux until 2011",
             .covers = {"H2"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks(Invariant::stack, {{{nmi, {}}}}),
             .because = "an INT3 in the NMI's body ends in an IRET, which unmasks NMIs, and the next NMI overwrites "
                        "the frame"},
            {.name = "nmi-writes-idt",
             .summary = "an NMI removes the IST stack from the gate of #DB in the IDT itself",
             .origin = "Linux 228bdaa9 (2012), which swapped IDTs for the same purpose",
             .covers = {"H8"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = breaks_without_event(Invariant::read_only_tables),
             .because = "the IDT is read-only, so the write raises #PF in the NMI"},
        },
};

}  // namespace gatecrash::cases
