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
    .asks = "Does the kernel survive a SYSCALL from 32-bit code on CPUs of either vendor?",
    .variants =
        {
            {.name = "no-cstar",
             .summary = "the kernel never writes CSTAR, since 32-bit code has other ways in",
             .origin = "kernels that were tested on Intel CPUs only",
             .covers = {"C24"},
             .events = {Event::nmi(), Event::db()},
             .depth = 1,
             .expects = holds(),
             .because = "on Intel CPUs, SYSCALL outside 64-bit mode raises #UD (SDM volume 2), which has a handler",
             .otherwise =
                 Variant::Otherwise{.vendor = Vendor::amd,
                                    .expects = breaks(Invariant::stack, {Place{}}),
                                    .because =
                                        "on AMD CPUs it jumps to CSTAR (APM volume 3), here to address 0 at CPL 0, and "
                                        "the kernel handles the fault there on the user's stack"},
             .needs = {Behaviour::syscall_compatibility_mode}},
            {.name = "cstar-stub",
             .summary = "CSTAR points to a stub that refuses the call by SYSRET and needs no stack",
             .origin = "ignore_sysret in Linux without 32-bit support",
             .covers = {"C24"},
             .events = {Event::nmi(), Event::db()},
             .depth = 1,
             .expects = holds(),
             .because = "CPUs of both vendors return to the user, and every event on the way has its own stack",
             .needs = {Behaviour::syscall_compatibility_mode}},
        },
};

}  // namespace gatecrash::cases
