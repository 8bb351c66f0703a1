// The runtime's own entries hold under every event that has no address, to depth 2.
#include <gtest/gtest.h>

#include <array>

#include "gatecrash/explore/replay.hpp"
#include "gatecrash/explore/sweep.hpp"
#include "support/kvm_system.hpp"
#include "support/test_guest.hpp"

namespace gatecrash::explore {
namespace {

using machine::Event;

constexpr int tested_shards = 6, shards_of_sweep = 33;

class Runtime : public testing::TestWithParam<int> {};

/// Each test sweeps one part of many.
TEST_P(Runtime, HoldsUnderItsEventsToDepth2) {
    const auto image = test_guest("runtime");
    machine::Machine machine(kvm_system(), image);
    SweepOptions options;
    options.events = {Event::nmi(), Event::irq(), Event::db(), Event::mc()};
    options.depth = 2;
    options.shard = {1U + static_cast<unsigned>(GetParam()) * (shards_of_sweep / tested_shards), shards_of_sweep};
    const auto result = sweep(machine, options);
    EXPECT_EQ(result.findings, std::vector<Finding>{});
    EXPECT_GT(result.levels.at(2).schedules, 100U);
}

INSTANTIATE_TEST_SUITE_P(All, Runtime, testing::Range(0, tested_shards));

TEST(RuntimesDb, RefusesBreakpointsOnlyWhileItIsOnItsStack) {
    const auto image = test_guest("runtime");
    const auto replayed = [&](const std::string& landings) {
        machine::Machine machine(kvm_system(), image);
        return replay(machine, parse_schedule("runtime@" + landings), machine::StepperKind::trap_flag);
    };
    EXPECT_THROW((void)replayed("db:user_syscall,db:entry_db"), ScheduleError);
    EXPECT_TRUE(replayed("db:user_syscall,db:event_body").violations.empty());
}

}  // namespace
}  // namespace gatecrash::explore
