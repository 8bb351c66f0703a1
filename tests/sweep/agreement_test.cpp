// Tests that a schedule which holds in a free run also holds when it is stepped, so that explore, replay and
// examinations agree. It also tests that no step of a correct design looks wrong.
#include <gtest/gtest.h>

#include <algorithm>

#include "cases/registry.hpp"
#include "suite/case.hpp"
#include "support/kvm_system.hpp"
#include "sweep/replay.hpp"
#include "sweep/sweep.hpp"
#include "vm/behaviour.hpp"
#include "vm/virtual_machine.hpp"

namespace gatecrash::sweep {
namespace {

/// The number of tests among which the variants are divided, so that a shard of the tests runs some of them.
constexpr int parts = 12;

class Agreement : public testing::TestWithParam<int> {};

void expect_agreement(const suite::Case& of, const suite::Variant& variant) {
    SCOPED_TRACE(of.name + "/" + variant.name);
    vm::Guest guest(kvm_system(), vm::load_elf(cases::guest_of(of.name, variant.name), of.name));
    SweepOptions options;
    options.events = variant.events;
    options.depth = variant.depth;
    options.window = variant.window;
    options.stepper = vm::stepper_for(guest.image(), variant.events, vm::StepperKind::trap_flag);
    options.budget = 600;
    options.examine_each = 40;
    EXPECT_NO_THROW((void)sweep(guest, options));
}

/// True if a machine without watchpoints, or without shadow stacks, need not run the variant.
bool is_left_out(const suite::Variant& variant) {
    if (!variant.watched.empty()) return true;
    const bool needs_shadow_stacks =
        std::ranges::find(variant.needs, vm::Behaviour::shadow_stacks) != variant.needs.end();
    return needs_shadow_stacks && !vm::VirtualMachine(kvm_system()).cpu().has_shadow_stacks();
}

TEST_P(Agreement, HoldsForFreeRunsAndExaminations) {
    int number = 0;
    for (const auto* of : cases::all_cases()) {
        for (const auto& variant : of->variants) {
            if (!variant.expects.holds() || is_left_out(variant)) continue;
            if (number++ % parts == GetParam()) expect_agreement(*of, variant);
        }
    }
}

/// Shows that a test of agreement can fail.
TEST(AgreementTest, CanFail) {
    vm::Guest guest(kvm_system(),
                    vm::load_elf(cases::guest_of("swapgs", "paranoid-returns-on-kernel-cr3"), "swapgs/by-cr3"));
    SweepOptions options;
    options.events = {vm::Event::nmi()};
    options.examine_each = 1;
    EXPECT_THROW((void)sweep(guest, options), vm::MachineFault);
}

/// The NMI of this variant returns on the kernel's page tables, which does no harm before the entry loads those itself.
TEST(Replay, OfAScheduleThatHoldsSaysSo) {
    const auto image = vm::load_elf(cases::guest_of("swapgs", "paranoid-returns-on-kernel-cr3"), "swapgs/by-cr3");
    const auto violations_at = [&](const char* boundary) {
        vm::Guest guest(kvm_system(), image);
        const auto schedule = parse_schedule(std::string("swapgs/by-cr3@nmi:") + boundary);
        return replay(guest, schedule, vm::StepperKind::trap_flag).violations;
    };
    EXPECT_EQ(violations_at("entry_irq_stubs+0x600"), std::vector<Violation>{});
    EXPECT_NE(violations_at("return_sysret"), std::vector<Violation>{});
}

/// The NMI gives up its own frame. A later interrupt uses the stack to which that frame led.
TEST(GivenUpFrame, IsNotLive) {
    const auto image = vm::load_elf(cases::guest_of("takeover", "reference"), "takeover/reference");
    for (const auto* at : {"irq_exit_jump", "irq_iret"}) {
        vm::Guest guest(kvm_system(), image);
        const auto schedule = parse_schedule(std::string("takeover/reference@nmi:") + at + ",irq:user_after+0x1");
        const auto result = replay(guest, schedule, vm::StepperKind::trap_flag);
        EXPECT_EQ(result.violations, std::vector<Violation>{}) << at;
    }
}

INSTANTIATE_TEST_SUITE_P(All, Agreement, testing::Range(0, parts));

}  // namespace
}  // namespace gatecrash::sweep
