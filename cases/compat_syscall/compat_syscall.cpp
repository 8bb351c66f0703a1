#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::Case;
using suite::holds;
using suite::Place;
using suite::Variant;
using sweep::Invariant;
using vm::Behaviour;
using vm::Event;
using vm::Vendor;

extern const Case compat_syscall{
    .name = "compat-syscall",
    .asks = "Is a SYSCALL from 32-bit code survived on CPUs of either vendor?",
    .variants =
        {
            {.name = "no-cstar",
             .summary = "CSTAR is never written: 32-bit code has other ways in",
             .origin = "a kernel that grew up on Intel CPUs",
             .covers = {"C24"},
             .events = {Event::nmi(), Event::db()},
             .depth = 1,
             .expects = holds(),
             .because = "SYSCALL is #UD outside of 64-bit mode there (SDM volume 2), and a handler comes with that",
             .otherwise =
                 Variant::Otherwise{.vendor = Vendor::amd,
                                    .expects = breaks(Invariant::stack, {Place{}}),
                                    .because = "it goes to CSTAR there (APM volume 3): to address 0, at CPL 0, and "
                                               "what comes of that is handled on the user's stack"},
             .needs = {Behaviour::syscall_compatibility_mode}},
            {.name = "cstar-stub",
             .summary = "CSTAR leads to a stub that refuses, by SYSRET, without a stack",
             .origin = "Linux without 32-bit support, ignore_sysret",
             .covers = {"C24"},
             .events = {Event::nmi(), Event::db()},
             .depth = 1,
             .expects = holds(),
             .because = "on either vendor's CPUs there is a way back, and what lands on it has a stack of its own",
             .needs = {Behaviour::syscall_compatibility_mode}},
        },
};

}  // namespace gatecrash::cases
