// Tests that a finding names the first rule that a run breaks, and the instruction that broke it.
#include <gmock/gmock.h>

#include <algorithm>

#include "cases/registry.hpp"
#include "suite/case.hpp"
#include "support/handler_body.hpp"
#include "support/kvm_system.hpp"
#include "support/test_guest.hpp"
#include "sweep/replay.hpp"
#include "vm/boot/guest_code.hpp"

namespace gatecrash::sweep {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using vm::GuestCode;

ReplayResult replayed(const vm::Image& image, const std::string& landings) {
    const auto schedule = parse_schedule(image.name + (landings.empty() ? "" : "@" + landings));
    std::vector<vm::Event> events;
    for (const auto& landing : schedule.landings) events.push_back(landing.event);
    vm::Guest guest(kvm_system(), image);
    return replay(guest, schedule, vm::stepper_for(image, events, vm::StepperKind::trap_flag));
}

Violation first_broken(const vm::Image& image, const std::string& landings = "") {
    const auto result = replayed(image, landings);
    return result.violations.empty() ? Violation{} : result.violations.front();
}

Violation first_broken(const std::string& of, const std::string& variant, const std::string& landings = "") {
    return first_broken(vm::load_elf(cases::guest_of(of, variant), of + "/" + variant), landings);
}

struct Cause {
    const char *name, *of, *variant, *landings;
    Invariant invariant;
    const char *begins, *has;  ///< the start and a part of the message
};
void PrintTo(const Cause& cause, std::ostream* out) { *out << cause.name; }

const Cause causes[] = {
    {"AReturnToTheKernelWithTheWrongGsBase", "swapgs", "flag-tested-in-ebx", "nmi:entry_syscall", Invariant::kernel_gs,
     "the IRETQ at nmi_iret returns to entry_syscall with GS base 0xffffffff", ", not 0x7654000"},
    {"AReturnToTheUserWithTheKernelsGsBase", "swapgs", "exit-kind-not-set", "", Invariant::kernel_gs,
     "the IRETQ at return_to_kernel+0x", " returns to user code with GS base 0xffffffff"},
    {"AReturnOnTheWrongPageTables", "swapgs", "paranoid-returns-on-kernel-cr3", "nmi:return_sysret",
     Invariant::page_tables, "the IRETQ at nmi_iret returns to return_sysret with CR3 0x", ", not 0x"},
    {"AReturnThatLosesASegment", "espfix32", "keeps-kernel-fs", "", Invariant::round_trip,
     "the IRETD at return_espfix_iret returns to user code with FS 0x0, not 0xf", ""},
    {"AReturnThatLosesFlags", "sysenter32", "sysexit-loses-flags", "", Invariant::round_trip,
     "the SYSEXIT at return_by_sysexit+0x", "system flags 0x200, not 0x40600 (DF clear, AC clear)"},
    {"AReturnThatLeavesWork", "sysenter32", "popf-sets-if", "irq:sysexit_with_if", Invariant::exit_work,
     "the SYSEXIT at sysexit_with_if returns to user code with exit_work 0x1 undone", ""},
    {"AStoreOverACanary", "int3", "sites-last", "", Invariant::stack, "the PUSH at entry_bp+0x",
     " overwrites the canary at the bottom of stack task"},
    {"WhoeverOverwroteAFrame", "nested-nmi", "flag-only", "nmi:nmi_iret", Invariant::stack,
     "the IRET at nmi_iret returns a second time through the frame to nmi_iret",
     "lost: the way back to user_window (overwritten by the delivery of vector 2 at nmi_iret)"},
    {"WhoeverLoadedTheUsersPageTables", "iret", "no-fixup", "", Invariant::page_tables,
     "the PUSH at exception_body uses exception_body on the user's page tables", "; the MOV at return_to_user+0x"},
};

class Causes : public testing::TestWithParam<Cause> {};

TEST_P(Causes, AreReported) {
    const auto& cause = GetParam();
    const auto broken = first_broken(cause.of, cause.variant, cause.landings);
    EXPECT_EQ(broken.invariant, cause.invariant);
    EXPECT_THAT(broken.message, AllOf(StartsWith(cause.begins), HasSubstr(cause.has)));
}

INSTANTIATE_TEST_SUITE_P(Of, Causes, testing::ValuesIn(causes), [](const auto& info) { return info.param.name; });

TEST(Cause, OfADoubleFaultIsTheLoadOfThePageTables) {
    const auto push = first_broken(test_guest("push-on-user-root"));
    EXPECT_EQ(push.invariant, Invariant::page_tables);
    EXPECT_EQ(push.message,
              "the PUSH at push_without_stack uses stack task on the user's page tables, which do not map it; the MOV "
              "at load_user_root loaded them (#DF: the #PF cannot be delivered either)");
}

/// RSP alone suggests that the handler gave its frame up. The IRET shows that it did not.
TEST(Cause, OfALostStackIsTheHandlerThatWentAstrayOnIt) {
    const auto broken = first_broken(test_guest("nmi-on-task-stack"), "nmi:syscall_body");
    EXPECT_EQ(broken.invariant, Invariant::stack);
    EXPECT_THAT(broken.message, StartsWith("push_on_live_stack overwrites the live part of stack task, "));
}

/// The handler counts, so that no state repeats.
TEST(Cause, OfARunWithoutAnEndIsWhatComesAgain) {
    GuestCode code;
    auto& k = code.kernel;
    Xbyak::Label handler;
    k.doorbell(GATECRASH_PORT_BEGIN);
    for (const int byte : {0x0f, 0x0b}) k.db(byte);  // ud2
    k.doorbell(GATECRASH_PORT_END);
    k.doorbell(GATECRASH_PORT_DONE);
    k.L(handler);
    k.inc(k.rdi);
    k.iretq();
    code.handle(6, handler);
    const auto result = replayed(code.build("again"), "");
    ASSERT_FALSE(result.violations.empty());
    EXPECT_EQ(result.violations.front().invariant, Invariant::progress);
    EXPECT_THAT(result.violations.front().message,
                testing::MatchesRegex("the run never ends: no end in sight at .*; vector 6 comes again and again at .* "
                                      "\\([0-9]+ times\\)"));
    EXPECT_THAT(result.ending, StartsWith("no end in sight at "));
}

TEST(Violations, ThatRepeatCountOnce) {
    const auto result = replayed(
        vm::load_elf(cases::guest_of("interrupt-origin", "exceptions-trusted"), "interrupt-origin/exceptions-trusted"),
        "irq=0x8:user_window");
    ASSERT_FALSE(result.violations.empty());
    EXPECT_THAT(result.violations.front().message, testing::EndsWith(" (2 times)"));
    for (const auto& violation : result.violations) {
        EXPECT_EQ(std::ranges::count(result.violations, violation.message, &Violation::message), 1);
    }
}

}  // namespace
}  // namespace gatecrash::sweep
