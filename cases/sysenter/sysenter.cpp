#include "suite/case.hpp"

namespace gatecrash::cases {

using suite::breaks;
using suite::Case;
using suite::holds;
using suite::Variant;
using sweep::Invariant;
using vm::Event;
using vm::Vendor;

namespace {
constexpr auto db = Event::Kind::db;
}

extern const Case sysenter{
    .name = "sysenter",
    .asks = "Does a #DB on the first instructions after SYSENTER, at CPL 0 with the user's GS base, do harm?",
    .variants =
        {
            {.name = "db-judges-by-cs",
             .summary = "#DB executes SWAPGS if the interrupted CS is the user's",
             .origin = "kernels in which #DB does not enter like an NMI; SYSENTER does not clear TF",
             .covers = {"D1"},
             .events = {Event::db()},
             .depth = 1,
             .expects = breaks(Invariant::kernel_gs, {{{db, {"entry_sysenter"}}}}),
             .because = "before SWAPGS, CS is already the kernel's, but the GS base is still the user's",
             .otherwise =
                 Variant::Otherwise{.vendor = Vendor::amd,
                                    .expects = breaks(Invariant::kernel_gs, {{{db, {"entry_ud"}}}}),
                                    .because = "on AMD CPUs, SYSENTER in 64-bit mode raises #UD (APM volume 3), whose "
                                               "handler has the same window before SWAPGS"}},
            {.name = "db-paranoid",
             .summary = "#DB reads the GS base to decide whether it needs SWAPGS",
             .origin = "paranoid_entry in Linux",
             .covers = {"D1"},
             .events = {Event::db(), Event::nmi()},
             .depth = 1,
             .expects = holds(),
             .because = "the entry reads the current GS base from the CPU, at whatever instruction the #DB arrives"},
        },
};

}  // namespace gatecrash::cases
