// Steps a kernel that nobody changed over instructions that trap. Runs in an emulated machine that has it at /kernel.
#include "kernel/kernel_stepper.hpp"

#include <gmock/gmock.h>

#include "kernel/booted_kernel.hpp"

namespace gatecrash::kernel {
namespace {

TEST(KernelStepper, StepsInt1IntoItsHandlerWhereKvmReportsIt) {
    const auto image = kernel_image();
    // From here on the kernel runs on its own stack, where it can take exceptions.
    const auto place = symbol_table(own_symbols(image)).find("entry_SYSCALL_64_safe_stack").value();
    auto system = kvm::System::open();
    system.put_between(report_int1(number(place)));
    Booted booted({}, {}, system);
    auto& guest = booted.guest();
    guest.restore(booted.next());
    guest.patch(place, std::array{std::byte{0xf1}});
    ASSERT_EQ(guest.run(), (Stop{Rang{GATECRASH_DOORBELL_BEGIN}}));
    guest.leave_doorbell();

    KernelStepper stepper(guest, booted.facts());
    for (int steps = 0; guest.rip() != place; ++steps) {
        ASSERT_FALSE(stepper.step().end);
        ASSERT_LT(steps, 100);
    }
    const auto step = stepper.step();
    EXPECT_FALSE(step.end);
    // QEMU has no INT1 (behaviour dr6-of-int1).
    ASSERT_THAT(step.delivered, testing::AnyOf(GATECRASH_VECTOR_DB, GATECRASH_VECTOR_UD));
    const auto handler = *step.delivered == GATECRASH_VECTOR_DB ? "asm_exc_debug" : "asm_exc_invalid_op";
    EXPECT_EQ(guest.rip(), booted.symbols().find(handler));
}

}  // namespace
}  // namespace gatecrash::kernel
