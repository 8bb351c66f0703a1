// Boots the kernel at /kernel with the init program at /init. Runs in an emulated machine that has both.
#include "kernel/kernel_guest.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>

#include "kernel/symbols.hpp"
#include "machines/cpio.hpp"
#include "posix/file.hpp"
#include "support/kvm_system.hpp"

namespace gatecrash::kernel {
namespace {

constexpr std::uint64_t memory_size = std::uint64_t{128} << 20;

Bytes file_bytes(const char* path) {
    const auto text = posix::read_file(path);
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

std::string initramfs() {
    machines::CpioWriter archive;
    archive.file("/init", posix::read_file("/init"), 0755);
    archive.character_device("/dev/console", 0600, 5, 1);
    return archive.finish();
}

TEST(KernelGuest, BootsAnUnmodifiedKernelToItsInitProgram) {
    const auto image = read_boot_image(file_bytes("/kernel"), "/kernel");
    const BootInput input{"nokaslr quiet panic=-1 lpj=4000000 pci=off randomize_kstack_offset=off earlyprintk=ttyS0",
                          initramfs()};
    KernelGuest guest(kvm_system(), image, input, memory_size);
    constexpr unsigned seconds = 300;  // of a very busy host
    EXPECT_EQ(guest.run_to_doorbell(0xd0, 0xd0, seconds), 0xd0);
    EXPECT_EQ(guest.cpu().regs().rbx, 0U) << "iopl() failed";
    EXPECT_EQ(guest.run_to_doorbell(0xd0, 0xd0, seconds), 0xd0);
    EXPECT_EQ(guest.cpu().regs().rbx, 1U) << "getpid() of init";

    // The symbols are those of the kernel that runs: LSTAR has the entry point of SYSCALL.
    constexpr std::uint32_t msr_lstar = 0xc0000082;
    std::array lstar{kvm_msr_entry{.index = msr_lstar, .reserved = 0, .data = 0}};
    guest.cpu().get_msrs(lstar);
    const auto symbols = own_symbols(image);
    const auto entry = std::ranges::find(symbols, "entry_SYSCALL_64", &KernelSymbol::name);
    ASSERT_NE(entry, symbols.end());
    EXPECT_EQ(lstar[0].data, number(entry->address));
}

TEST(KernelGuest, SaysWhatTheKernelSaidBeforeItGaveUp) {
    const auto image = read_boot_image(file_bytes("/kernel"), "/kernel");
    KernelGuest guest(kvm_system(), image, {"nokaslr quiet panic=-1 lpj=4000000 pci=off earlyprintk=ttyS0,keep", ""},
                      memory_size);
    try {
        (void)guest.run_to_doorbell(0xd0, 0xd0, 300);
        ADD_FAILURE() << "a kernel without an init program reached a doorbell";
    } catch (const BootError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("reset the CPU"));
        EXPECT_THAT(error.what(), testing::HasSubstr("Kernel panic"));
    }
}

}  // namespace
}  // namespace gatecrash::kernel
