// Boots the kernel at /kernel with the init program at /init. Runs in an emulated machine that has both.
#include "kernel/kernel_guest.hpp"

#include <gmock/gmock.h>

#include "kernel/booted_kernel.hpp"

namespace gatecrash::kernel {
namespace {

TEST(KernelGuest, SaysWhatTheKernelSaidBeforeItGaveUp) {
    const auto image = kernel_image();
    KernelGuest guest(kvm_system(), image, {"nokaslr quiet panic=-1 lpj=4000000 pci=off", ""}, memory_size);
    guest.set_log(find_facts(image, symbol_table(own_symbols(image))).log);
    try {
        (void)guest.run_to_doorbell(300);
        ADD_FAILURE() << "a kernel without an init program reached a doorbell";
    } catch (const BootError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("reset the CPU"));
        EXPECT_THAT(error.what(), testing::HasSubstr("Kernel panic"));
    }
}

}  // namespace
}  // namespace gatecrash::kernel
