// Tests the exceptions of confidential guests: #VE, #HV and #VC.
#include <gmock/gmock.h>

#include "qualify/qualify.hpp"
#include "support/kvm_system.hpp"
#include "support/test_guest.hpp"
#include "sweep/sweep.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::sweep {
namespace {

using testing::IsEmpty;
using vm::Event;

SweepResult sweep_of(const std::vector<Event>& events, unsigned depth, Shard shard = {}) {
    vm::Guest guest(kvm_system(), test_guest("virtualization"));
    SweepOptions options;
    options.events = events;
    options.depth = depth;
    options.shard = shard;
    options.max_findings = 4;
    return sweep(guest, options);
}

TEST(VirtualizationException, DoesNotComeWhileItsInformationAreaIsInUse) {
    const auto result = sweep_of({Event::ve()}, 2, {.index = 2, .count = 8});
    EXPECT_THAT(result.findings, IsEmpty());
    EXPECT_GT(result.levels.at(2).schedules, 1000U);
}

TEST(HypervisorEvent, ComesAgainAtTheFirstInstructionOfItsEntry) {
    EXPECT_THAT(sweep_of({Event::hv()}, 1).findings, IsEmpty());
    const auto result = sweep_of({Event::hv()}, 2);
    ASSERT_FALSE(result.findings.empty());
    EXPECT_EQ(to_string(result.findings.front().schedule), "virtualization@hv:user_syscall,hv:entry_hv");
    EXPECT_EQ(result.findings.front().violation.invariant, Invariant::stack);
    for (const auto& finding : result.findings) {
        EXPECT_EQ(finding.schedule.landings.back().boundary.symbol, "entry_hv") << to_string(finding.schedule);
    }
}

TEST(CommunicationException, HasAnErrorCode) {
    const auto vc = qualify::measure(kvm_system(), vm::Behaviour::vc_injection);
    if (!vc.ok || vm::cpu_vendor() != vm::Vendor::amd) GTEST_SKIP() << "no #VC here: " << describe(vc.got);
    const auto result = sweep_of({Event::vc()}, 1);
    EXPECT_THAT(result.findings, IsEmpty());
    EXPECT_GT(result.schedules, 100U);
}

}  // namespace
}  // namespace gatecrash::sweep
