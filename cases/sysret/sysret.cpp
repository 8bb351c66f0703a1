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

namespace {
const suite::Expectation kernel_faults_on_users_stack = breaks(Invariant::stack, {Place{}});
const Variant::Otherwise user_faults{
    .vendor = Vendor::amd,
    .expects = holds(),
    .because = "SYSRET does not look at RCX there: the #GP comes at CPL 3, as one of user code (APM volume 3, SYSRET)"};
constexpr const char* sysret_faults =
    "Intel's SYSRET raises #GP at CPL 0 for it (SDM volume 2), when RSP and GS base are the user's already";
}  // namespace

extern const Case sysret{
    .name = "sysret",
    .asks = "Does a return to an address that is not canonical fault in the kernel, on the user's stack?",
    .variants =
        {
            {.name = "unchecked",
             .summary = "every system call is left by SYSRET",
             .origin = "CVE-2012-0217 (Xen, FreeBSD, Windows), before it CVE-2006-0744 (Linux)",
             .covers = {"C1"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = kernel_faults_on_users_stack,
             .because = sysret_faults,
             .otherwise = user_faults,
             .needs = {Behaviour::sysret_non_canonical}},
            {.name = "unchecked-last-page",
             .summary = "the same, for a SYSCALL at the very end of the lower half",
             .origin = "Linux's selftest sysret_rip; kernels that let user code have the last page",
             .covers = {"C2"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = kernel_faults_on_users_stack,
             .because = sysret_faults,
             .otherwise = user_faults,
             .needs = {Behaviour::sysret_non_canonical}},
            {.name = "canonical-check",
             .summary = "a system call whose RIP is not canonical is left by IRET, whose fault is the user's",
             .origin = "Linux, syscall_return_via_sysret",
             .covers = {"C1", "C2", "C4"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = holds(),
             .because = "an IRET that faults does so on the kernel's stack, with the user's frame still there",
             .needs = {Behaviour::sysret_non_canonical}},
            {.name = "check-off-by-one",
             .summary = "the same, for addresses of 49 bits",
             .origin = "nobody that we know of; how to test this is what Linux 17be0aec74fb is about",
             .covers = {"C4"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = kernel_faults_on_users_stack,
             .because = sysret_faults,
             .otherwise = user_faults,
             .needs = {Behaviour::sysret_non_canonical}},
        },
};

}  // namespace gatecrash::cases
