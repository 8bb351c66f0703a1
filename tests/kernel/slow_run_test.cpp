// Follows an endless run of a kernel. Runs in an emulated machine that has it at /kernel.
#include "kernel/slow_run.hpp"

#include <gmock/gmock.h>

#include <set>

#include "kernel/booted_kernel.hpp"
#include "kernel/kernel_landing.hpp"
#include "kernel/kernel_stepper.hpp"

namespace gatecrash::kernel {
namespace {

class SlowRun : public WithKernel {};

/// The watchdog ends a run wherever it is. So a search begins somewhere in the loop, as late as the host is busy.
TEST_F(SlowRun, HasTheSameLoopWhereverTheSearchBegins) {
    auto& guest = kernel().guest();
    // Without its WRGSBASE, paranoid_entry leaves the user's GS base to a handler, and each fault raises the next.
    const auto patched = kernel().patched("paranoid_entry", std::array{0xf3, 0x48, 0x0f, 0xae, 0xd8},
                                          std::array{0x0f, 0x1f, 0x44, 0x00, 0x00});
    guest.restore(patched);
    ASSERT_EQ(guest.run(), (Stop{Rang{GATECRASH_DOORBELL_BEGIN}}));
    guest.leave_doorbell();
    KernelStepper stepper(guest, kernel().facts());
    // The last instruction before user code again.
    const vm::Virtual exit{number(kernel().symbols().find("entry_SYSRETQ_unsafe_stack").value()) + 0xc};
    for (int steps = 0; guest.rip() != exit; ++steps) {
        ASSERT_FALSE(stepper.step().end);
        ASSERT_LT(steps, 1000);
    }
    land(guest, kernel().facts(), vm::Event::nmi());
    const auto landed = guest.save(&patched);

    // Some forty page faults go down the stack of the double fault that ends them, and begins them again.
    constexpr int longer_than_the_loop = 50;
    std::set<vm::Virtual> begins, loops;
    for (int later = 0; later < longer_than_the_loop; ++later) {
        guest.restore(landed);
        for (int i = 0; i < 100 + later; ++i) (void)stepper.run_to_delivery();
        begins.insert(guest.rip());
        const auto end = finish_slow_run(guest, kernel().facts(), patched);
        EXPECT_TRUE(std::holds_alternative<StillRuns>(end.stop));
        ASSERT_TRUE(end.loop.has_value());
        loops.insert(*end.loop);
    }
    EXPECT_GT(begins.size(), 1U) << "no search began at the double fault, so this test shows nothing";
    EXPECT_EQ(loops.size(), 1U);
    guest.doubt_devices();
}

}  // namespace
}  // namespace gatecrash::kernel
