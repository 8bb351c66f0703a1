// The first rule that a run breaks is the cause of what follows, and its message says which instruction broke it.
#include <gmock/gmock.h>

#include <algorithm>

#include "gatecrash/explore/case.hpp"
#include "gatecrash/explore/replay.hpp"
#include "gatecrash/machine/tiny_guest.hpp"
#include "support/handler_body.hpp"
#include "support/kvm_system.hpp"
#include "support/test_guest.hpp"

namespace gatecrash::explore {
namespace {

using machine::TinyGuest;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

ReplayResult replayed(const machine::Image& image, const std::string& landings) {
    const auto schedule = parse_schedule(image.name + (landings.empty() ? "" : "@" + landings));
    std::vector<machine::Event> events;
    for (const auto& landing : schedule.landings) events.push_back(landing.event);
    machine::Machine machine(kvm_system(), image);
    return replay(machine, schedule, machine::stepper_for(image, events, machine::StepperKind::trap_flag));
}

Violation first_broken(const machine::Image& image, const std::string& landings = "") {
    const auto result = replayed(image, landings);
    return result.violations.empty() ? Violation{} : result.violations.front();
}

Violation first_broken(const std::string& of, const std::string& variant, const std::string& landings = "") {
    return first_broken(machine::load_elf(guest_of(of, variant), of + "/" + variant), landings);
}

TEST(Cause, OfALostGsBaseIsTheReturnThatDidNotGiveItBack) {
    const auto to_kernel = first_broken("swapgs", "flag-tested-in-ebx", "nmi:entry_syscall");
    EXPECT_EQ(to_kernel.invariant, Invariant::kernel_gs);
    EXPECT_THAT(to_kernel.message, StartsWith("the IRETQ at nmi_iret returns to entry_syscall with GS base 0x"));
    const auto to_user = first_broken("swapgs", "exit-kind-not-set");
    EXPECT_EQ(to_user.invariant, Invariant::kernel_gs);
    EXPECT_THAT(to_user.message, HasSubstr("returns to user code with GS base 0xffffffff"));
}

TEST(Cause, OfWrongPageTablesInUserCodeIsTheReturn) {
    const auto broken = first_broken("swapgs", "paranoid-returns-on-kernel-cr3", "nmi:return_sysret");
    EXPECT_EQ(broken.invariant, Invariant::page_tables);
    EXPECT_THAT(broken.message, StartsWith("the IRETQ at nmi_iret returns to return_sysret with CR3 0x"));
}

TEST(Cause, OfALostSegmentIn32BitsIsTheReturn) {
    const auto broken = first_broken("espfix32", "keeps-kernel-fs");
    EXPECT_EQ(broken.invariant, Invariant::round_trip);
    EXPECT_THAT(broken.message,
                StartsWith("the IRETD at return_espfix_iret returns to user code with FS 0x0, not 0xf"));
}

TEST(Cause, OfLostFlagsIsTheReturnAndNamesThem) {
    const auto broken = first_broken("sysenter32", "sysexit-loses-flags");
    EXPECT_EQ(broken.invariant, Invariant::round_trip);
    EXPECT_THAT(broken.message, AllOf(StartsWith("the SYSEXIT at return_by_sysexit"),
                                      HasSubstr("system flags 0x200, not 0x40600 (DF clear, AC clear)")));
}

TEST(Cause, OfUndoneWorkIsTheReturnThatLeftIt) {
    const auto broken = first_broken("sysenter32", "popf-sets-if", "irq:sysexit_with_if");
    EXPECT_EQ(broken.invariant, Invariant::exit_work);
    EXPECT_EQ(broken.message, "the SYSEXIT at sysexit_with_if returns to user code with exit_work 0x1 undone");
}

TEST(Cause, OfABrokenCanaryIsTheStore) {
    const auto broken = first_broken("int3", "sites-last");
    EXPECT_EQ(broken.invariant, Invariant::stack);
    EXPECT_THAT(broken.message, AllOf(StartsWith("the PUSH at entry_bp+0x"),
                                      HasSubstr(" overwrites the canary at the bottom of stack task")));
}

TEST(Cause, OfALostFrameIsWhoOverwroteIt) {
    const auto broken = first_broken("nested-nmi", "flag-only", "nmi:nmi_iret");
    EXPECT_EQ(broken.invariant, Invariant::stack);
    EXPECT_THAT(broken.message,
                HasSubstr("lost: the way back to user_window (overwritten by the delivery of vector 2 at nmi_iret)"));
}

TEST(Cause, OfAFaultOnTheUsersPageTablesIsWhoLoadedThem) {
    const auto fetch = first_broken("iret", "no-fixup");
    EXPECT_EQ(fetch.invariant, Invariant::page_tables);
    EXPECT_THAT(fetch.message, AllOf(StartsWith("the PUSH at exception_body uses exception_body on the user's page"),
                                     HasSubstr("; the MOV at return_to_user+0x"), HasSubstr(" loaded them")));
    const auto push = first_broken(test_guest("push-on-user-root"));
    EXPECT_EQ(push.invariant, Invariant::page_tables);
    EXPECT_EQ(push.message,
              "the PUSH at push_without_stack uses stack task on the user's page tables, which do not map it; the MOV "
              "at load_user_root loaded them (#DF: the #PF cannot be delivered either)");
}

/// Its handler counts, so that no state comes twice.
TEST(Cause, OfARunWithoutAnEndIsWhatComesAgain) {
    TinyGuest guest;
    auto& k = guest.kernel;
    Xbyak::Label handler;
    k.doorbell(GATECRASH_PORT_BEGIN);
    for (const int byte : {0x0f, 0x0b}) k.db(byte);  // ud2
    k.doorbell(GATECRASH_PORT_END);
    k.doorbell(GATECRASH_PORT_DONE);
    k.L(handler);
    k.inc(k.rdi);
    k.iretq();
    guest.handle(6, handler);
    const auto result = replayed(guest.build("again"), "");
    ASSERT_FALSE(result.violations.empty());
    EXPECT_EQ(result.violations.front().invariant, Invariant::progress);
    EXPECT_THAT(result.violations.front().message,
                testing::MatchesRegex("the run never ends: no end in sight at .*; vector 6 comes again and again at .* "
                                      "\\([0-9]+ times\\)"));
    EXPECT_THAT(result.ending, StartsWith("no end in sight at "));
}

TEST(Violations, ThatComeAgainAreOne) {
    const auto result = replayed(
        machine::load_elf(guest_of("interrupt-origin", "exceptions-trusted"), "interrupt-origin/exceptions-trusted"),
        "irq=0x8:user_window");
    ASSERT_FALSE(result.violations.empty());
    EXPECT_THAT(result.violations.front().message, testing::EndsWith(" (2 times)"));
    for (const auto& violation : result.violations) {
        EXPECT_EQ(std::ranges::count(result.violations, violation.message, &Violation::message), 1);
    }
}

}  // namespace
}  // namespace gatecrash::explore
