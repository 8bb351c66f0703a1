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
    .because =
        "AMD's SYSRET does not check RCX, so the #GP comes at CPL 3 as a fault of user code (APM volume 3, SYSRET)"};
constexpr const char* sysret_faults =
    "Intel's SYSRET raises #GP at CPL 0 for such a RIP (SDM volume 2), with RSP and GS base already the user's";
}  // namespace

extern const Case sysret{
    .name = "sysret",
    .asks = "Does a return to an address that is not canonical fault in the kernel, on the user's stack?",
    .variants =
        {
            {.name = "unchecked",
             .summary = "every system call returns by SYSRET",
             .origin = "CVE-2012-0217 (Xen, FreeBSD, Windows), and before it CVE-2006-0744 (Linux)",
             .covers = {"C1"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = kernel_faults_on_users_stack,
             .because = sysret_faults,
             .otherwise = user_faults,
             .needs = {Behaviour::sysret_non_canonical}},
            {.name = "unchecked-last-page",
             .summary = "unchecked, for a SYSCALL at the very end of the lower canonical half",
             .origin = "Linux's selftest sysret_rip; kernels that let user code map the last page",
             .covers = {"C2"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = kernel_faults_on_users_stack,
             .because = sysret_faults,
             .otherwise = user_faults,
             .needs = {Behaviour::sysret_non_canonical}},
            {.name = "canonical-check",
             .summary = "a system call whose RIP is not canonical returns by IRET, whose fault counts as the user's",
             .origin = "syscall_return_via_sysret in Linux",
             .covers = {"C1", "C2", "C4"},
             .events = {Event::nmi()},
             .depth = 1,
             .expects = holds(),
             .because = "an IRET faults on the kernel's stack, where the user's frame still is",
             .needs = {Behaviour::sysret_non_canonical}},
            {.name = "check-off-by-one",
             .summary = "canonical-check with a check for addresses of 49 bits",
             .origin = "no known kernel; Linux 17be0aec74fb is about the right way to test this",
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
