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
    .asks = "Does a #DB on the first instructions behind SYSENTER, at CPL 0 with the user's GS base, do harm?",
    .variants =
        {
            {.name = "db-judges-by-cs",
             .summary = "#DB executes SWAPGS if the interrupted CS is the user's",
             .origin = "kernels before #DB entered like an NMI; SYSENTER does not clear TF",
             .covers = {"D1"},
             .events = {Event::db()},
             .depth = 1,
             .expects = breaks(Invariant::kernel_gs, {{{db, {"entry_sysenter"}}}}),
             .because = "before SWAPGS, CS is the kernel's and the GS base still the user's",
             .otherwise = Variant::Otherwise{.vendor = Vendor::amd,
                                             .expects = breaks(Invariant::kernel_gs, {{{db, {"entry_ud"}}}}),
                                             .because = "SYSENTER is #UD in 64-bit mode there (APM volume 3), and its "
                                                        "handler has the same window in front of SWAPGS"}},
            {.name = "db-paranoid",
             .summary = "#DB reads the GS base to find out",
             .origin = "Linux, paranoid_entry",
             .covers = {"D1"},
             .events = {Event::db(), Event::nmi()},
             .depth = 1,
             .expects = holds(),
             .because = "what GS base is in use is read from the CPU, at whatever instruction the #DB comes"},
        },
};

}  // namespace gatecrash::cases
