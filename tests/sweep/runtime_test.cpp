// Tests that the runtime's own entries hold under every event without an address, to depth 2.
#include <gtest/gtest.h>

#include <array>

#include "support/kvm_system.hpp"
#include "support/test_guest.hpp"
#include "sweep/replay.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::sweep {
namespace {

using vm::Event;

constexpr int tested_shards = 6, shards_of_sweep = 33;

class Runtime : public testing::TestWithParam<int> {};

/// Each test sweeps one of many parts.
TEST_P(Runtime, HoldsUnderItsEventsToDepth2) {
    const auto image = test_guest("runtime");
    vm::Guest guest(kvm_system(), image);
    SweepOptions options;
    options.events = {Event::nmi(), Event::irq(), Event::db(), Event::mc()};
    options.depth = 2;
    options.shard = {1U + static_cast<unsigned>(GetParam()) * (shards_of_sweep / tested_shards), shards_of_sweep};
    const auto result = sweep(guest, options);
    EXPECT_EQ(result.findings, std::vector<Finding>{});
    EXPECT_GT(result.levels.at(2).schedules, 100U);
}

INSTANTIATE_TEST_SUITE_P(All, Runtime, testing::Range(0, tested_shards));

TEST(RuntimesDb, RefusesBreakpointsOnlyWhileItIsOnItsStack) {
    const auto image = test_guest("runtime");
    const auto replayed = [&](const std::string& landings) {
        vm::Guest guest(kvm_system(), image);
        return replay(guest, parse_schedule("runtime@" + landings), vm::StepperKind::trap_flag);
    };
    EXPECT_THROW((void)replayed("db:user_syscall,db:entry_db"), ScheduleError);
    EXPECT_TRUE(replayed("db:user_syscall,db:event_body").violations.empty());
}

}  // namespace
}  // namespace gatecrash::sweep
