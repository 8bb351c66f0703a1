// Boots the kernel at /kernel with the init program at /init. Runs in an emulated machine that has both.
#include "kernel/kernel_guest.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>

#include "kernel/btf.hpp"
#include "kernel/symbols.hpp"
#include "machines/cpio.hpp"
#include "posix/file.hpp"
#include "support/kvm_system.hpp"

namespace gatecrash::kernel {
namespace {

constexpr const char* command_line =
    "nokaslr quiet panic=-1 lpj=4000000 pci=off randomize_kstack_offset=off earlyprintk=ttyS0";
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
    KernelGuest guest(kvm_system(), image, {command_line, initramfs()}, memory_size);
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

/// Returns how often the kernel handled an NMI: irq_cpustat_t::__nmi_count of CPU 0.
std::uint32_t nmis(KernelGuest& guest, const BootImage& image, const std::vector<KernelSymbol>& symbols) {
    const auto address_of = [&](const char* name) {
        return number(std::ranges::find(symbols, name, &KernelSymbol::name)->address);
    };
    const Btf types(image.section(".BTF"));
    const auto per_cpu = guest.word_at(vm::Virtual{address_of("__per_cpu_offset")}).value();
    const auto count = per_cpu + address_of("irq_stat") + types.offset_of("irq_cpustat_t", "__nmi_count").value();
    return static_cast<std::uint32_t>(guest.word_at(vm::Virtual{count}).value());
}

TEST(KernelGuest, RunsTheSameWayFromASavedState) {
    const auto image = read_boot_image(file_bytes("/kernel"), "/kernel");
    KernelGuest guest(kvm_system(), image, {command_line, initramfs()}, memory_size);
    ASSERT_EQ(guest.run_to_doorbell(0xd0, 0xd0, 300), 0xd0);
    auto begin = guest.save();
    silence_interrupts(begin.cpu);
    const auto symbols = own_symbols(image);

    const auto run = [&](bool with_nmi) {
        guest.restore(begin);
        if (with_nmi) guest.cpu().nmi();
        EXPECT_EQ(guest.run_to_doorbell(0xd0, 0xd0, 300), 0xd0);
        return guest.save();
    };
    const auto first = run(false), second = run(false);
    EXPECT_TRUE(first.cpu.same_as(second.cpu));
    EXPECT_GT(first.pages.size(), 0U) << "getpid() writes its stack";
    EXPECT_TRUE(std::ranges::equal(first.pages, second.pages, [](const auto& a, const auto& b) {
        return a.first == b.first && *a.second == *b.second;
    }));
    const auto handled = nmis(guest, image, symbols);

    const auto interrupted = run(true);
    EXPECT_EQ(nmis(guest, image, symbols), handled + 1);
    EXPECT_TRUE(interrupted.cpu.same_as(first.cpu)) << "an NMI leaves no trace in registers";
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
