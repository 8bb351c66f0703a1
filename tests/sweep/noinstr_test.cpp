// Tests I18 (noinstr), and what sweeps record of the protected code.
#include <gmock/gmock.h>

#include <algorithm>

#include "check/protected_code.hpp"
#include "support/kvm_system.hpp"
#include "support/test_guest.hpp"
#include "sweep/merge.hpp"
#include "sweep/replay.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::sweep {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// Returns a guest with its protected code, as commands load it.
vm::Image protected_guest(const std::string& name) {
    auto image = test_guest(name);
    const auto guest = std::ranges::find_if(std::span(test_guests, test_guests_end),
                                            [&](const TestGuest& each) { return each.name == name; });
    image.protected_code = check::protected_code(check::read_code_file({guest->begin, guest->end}, name));
    return image;
}

SweepResult sweep_of(const vm::Image& image, Shard shard = {}, unsigned depth = 1,
                     vm::StepperKind stepper = vm::StepperKind::trap_flag) {
    vm::Guest guest(kvm_system(), image);
    SweepOptions options;
    options.events = {vm::Event::nmi()};
    options.depth = depth;
    options.shard = shard;
    options.stepper = stepper;
    return sweep(guest, options);
}

bool has_executed(const SweepResult& result, const vm::Image& image, const std::string& symbol) {
    return executed_by(result).contains(image.symbols.find(symbol).value());
}

class LeavesNoinstr : public testing::TestWithParam<const char*> {};

TEST_P(LeavesNoinstr, IsFoundOnceWhereTheRunLeaves) {
    const auto image = protected_guest(std::string("leaves-noinstr/") + GetParam());
    for (const auto stepper : {vm::StepperKind::trap_flag, vm::StepperKind::stop_bytes}) {
        const auto result = sweep_of(image, {}, 2, stepper);
        ASSERT_THAT(result.findings, SizeIs(1));
        const auto& finding = result.findings.front();
        EXPECT_EQ(to_string(finding.schedule), image.name + "@nmi:only_here");
        EXPECT_EQ(finding.schedules, 1U);
        EXPECT_EQ(finding.violation.invariant, Invariant::noinstr);
        EXPECT_THAT(finding.violation.message, HasSubstr(" at planted goes to outside"));
        EXPECT_THAT(finding.also, IsEmpty());
        EXPECT_TRUE(has_executed(result, image, "planted"));
    }
}

TEST_P(LeavesNoinstr, IsReplayed) {
    const auto image = protected_guest(std::string("leaves-noinstr/") + GetParam());
    vm::Guest guest(kvm_system(), image);
    const auto result = replay(guest, parse_schedule(image.name + "@nmi:only_here"), vm::StepperKind::trap_flag);
    ASSERT_THAT(result.violations, SizeIs(1));
    EXPECT_EQ(result.violations.front().invariant, Invariant::noinstr);
    vm::Guest other(kvm_system(), image);
    EXPECT_THAT(
        replay(other, parse_schedule(image.name + "@nmi:entry_syscall"), vm::StepperKind::trap_flag).violations.size(),
        0U)
        << "at another boundary, the run does not come there";
}

INSTANTIATE_TEST_SUITE_P(Noinstr, LeavesNoinstr, testing::Values("call", "indirect-call", "jump"),
                         [](const auto& info) { return std::string(info.param).substr(0, 4); });

TEST(Noinstr, HoldsIfTheCallIsAnnotated) {
    const auto image = protected_guest("leaves-noinstr/annotated");
    EXPECT_THAT(image.protected_code.exits, SizeIs(2)) << "a jump that is not taken, and a call that stays inside";
    const auto result = sweep_of(image);
    EXPECT_THAT(result.findings, IsEmpty());
    for (const auto* const symbol : {"planted", "inside", "entry_nmi", "entry_syscall"})
        EXPECT_TRUE(has_executed(result, image, symbol)) << symbol;
    for (const auto* const symbol : {"entry_db", "entry_mc", "outside"})
        EXPECT_FALSE(has_executed(result, image, symbol)) << symbol;
}

TEST(Noinstr, DoesNotDisturbASweep) {
    for (const auto* const name : {"runtime", "return-frames/reference"}) {
        SCOPED_TRACE(name);
        auto image = protected_guest(name);
        auto recorded = sweep_of(image);
        EXPECT_FALSE(executed_by(recorded).is_empty());
        image.protected_code = {};
        for (auto& level : recorded.levels) level.executed = {};
        recorded.code.clear();
        EXPECT_EQ(recorded, sweep_of(image));
    }
}

TEST(ExecutedCode, DoesNotDependOnShardsAndSteppers) {
    const auto image = protected_guest("runtime");
    const auto whole = sweep_of(image);
    const std::vector parts{sweep_of(image, {.index = 1, .count = 2}), sweep_of(image, {.index = 2, .count = 2})};
    EXPECT_EQ(executed_by(merge(parts, 0)), executed_by(whole));
    EXPECT_EQ(executed_by(sweep_of(image, {}, 1, vm::StepperKind::stop_bytes)), executed_by(whole));
    EXPECT_EQ(merge(parts, 0).code, whole.code);
}

TEST(ExecutedCode, OfTheRunWithoutEventsHasNoHandler) {
    const auto image = protected_guest("runtime");
    const auto result = sweep_of(image, {}, 0);
    EXPECT_TRUE(has_executed(result, image, "entry_syscall"));
    EXPECT_FALSE(has_executed(result, image, "entry_nmi"));
}

}  // namespace
}  // namespace gatecrash::sweep
