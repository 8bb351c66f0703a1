// Saves and restores the memory of a booted kernel. Runs in an emulated machine that has it at /kernel, and its init
// program at /kernel-test-init.
#include "kernel/memory_states.hpp"

#include "kernel/booted_kernel.hpp"

namespace gatecrash::kernel {
namespace {

TEST(MemoryStates, FollowsPagesThatNoRunHasWrittenForLong) {
    Booted booted;
    auto& guest = booted.guest();
    guest.restore(booted.next());
    ASSERT_EQ(guest.run_patiently(), (Stop{Rang{GATECRASH_DOORBELL_BEGIN}}));
    guest.leave_doorbell();
    const auto begin = guest.save(&booted.next());
    ASSERT_EQ(guest.run_patiently(), (Stop{Rang{GATECRASH_DOORBELL_END}}));
    const auto end = guest.save(&begin);
    ASSERT_FALSE(guest.memory_states().equals(begin.pages));
    for (int round = 0; round < 3; ++round) {
        // Long enough to clear pages in KVM's log.
        for (int i = 0; i < 1000; ++i) guest.restore(begin);
        EXPECT_TRUE(guest.memory_states().equals(begin.pages));
        EXPECT_EQ(guest.run_patiently(), (Stop{Rang{GATECRASH_DOORBELL_END}}));
        EXPECT_TRUE(guest.memory_states().equals(end.pages));
        EXPECT_FALSE(guest.memory_states().equals(begin.pages));
        for (int i = 0; i < 1000; ++i) guest.restore(begin);
        guest.restore(end);
        EXPECT_TRUE(guest.memory_states().equals(end.pages));
        guest.restore(begin);
        EXPECT_FALSE(guest.memory_states().equals(end.pages));
    }
}

}  // namespace
}  // namespace gatecrash::kernel
