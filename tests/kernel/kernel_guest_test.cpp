// Boots the kernel at /kernel with the init program at /init. Runs in an emulated machine that has both.
#include "kernel/kernel_guest.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>

#include "kernel/boot_files.hpp"
#include "kernel/btf.hpp"
#include "kernel/kernel_stepper.hpp"
#include "kernel/symbols.hpp"
#include "support/kvm_system.hpp"

namespace gatecrash::kernel {
namespace {

TEST(KernelGuest, BootsAnUnmodifiedKernelToItsInitProgram) {
    const auto image = kernel_image();
    KernelGuest guest(kvm_system(), image, {command_line, initramfs("/init")}, memory_size);
    constexpr unsigned seconds = 300;  // of a very busy host
    EXPECT_EQ(guest.run_to_doorbell(0xd0, 0xd0, seconds), 0xd0);
    EXPECT_EQ(guest.cpu().regs().rbx, 0U) << "iopl() failed";
    EXPECT_EQ(guest.run_to_doorbell(0xd0, 0xd0, seconds), 0xd0);
    EXPECT_EQ(guest.cpu().regs().rbx, 1U) << "getpid() of init";

    // The symbols are those of the kernel that runs: LSTAR has the entry point of SYSCALL.
    vm::Msrs msrs;
    vm::read_msrs(guest.cpu(), msrs);
    EXPECT_EQ(msrs.lstar, number(symbol_table(own_symbols(image)).find("entry_SYSCALL_64").value()));
}

/// Returns how often the kernel handled an NMI: irq_cpustat_t::__nmi_count of CPU 0.
std::uint32_t nmis(KernelGuest& guest, const BootImage& image, const vm::SymbolTable& symbols) {
    const Btf types(image.section(".BTF"));
    const auto per_cpu = guest.word_at(symbols.find("__per_cpu_offset").value()).value();
    const auto count =
        per_cpu + number(symbols.find("irq_stat").value()) + types.offset_of("irq_cpustat_t", "__nmi_count").value();
    return static_cast<std::uint32_t>(guest.word_at(vm::Virtual{count}).value());
}

/// Has a kernel at the doorbell before getpid().
class Getpid : public testing::Test {
  protected:
    Getpid() : guest_(kvm_system(), image_, {command_line, initramfs("/init")}, memory_size) {
        guest_.run_to_doorbell(0xd0, 0xd0, 300);
        begin_ = guest_.save();
        silence_interrupts(begin_.cpu);
    }
    /// Runs on to the doorbell after getpid().
    KernelState run_on() {
        EXPECT_EQ(guest_.run_to_doorbell(0xd0, 0xd0, 300), 0xd0);
        return guest_.save();
    }

    /// Steps through getpid() from `begin_`, and returns its boundaries. Then the guest is at the doorbell after it.
    std::vector<KernelState> step() {
        guest_.restore(begin_);
        std::vector<KernelState> boundaries{begin_};
        KernelStepper stepper(guest_);
        while (stepper.step()) boundaries.push_back(guest_.save());
        return boundaries;
    }
    /// Replaces `before`, which stands once in the first 256 bytes of a function, by `after`.
    void poke(const char* function, std::initializer_list<int> before, std::initializer_list<int> after) {
        const auto start = number(symbols_.find(function).value());
        for (auto at = start; at < start + 256; ++at) {
            auto word = guest_.word_at(vm::Virtual{at}).value();
            const auto byte = [&](std::size_t i) { return static_cast<int>(word >> 8 * i & 0xff); };
            std::size_t i = 0;
            if (!std::ranges::all_of(before, [&](int each) { return byte(i++) == each; })) continue;
            i = 0;
            for (const auto each : after) {
                word &= ~(std::uint64_t{0xff} << 8 * i);
                word |= static_cast<std::uint64_t>(each) << 8 * i++;
            }
            guest_.write(vm::Virtual{at}, word);
            return;
        }
        ADD_FAILURE() << "no such instruction in " << function;
    }
    [[nodiscard]] std::string place(const KernelState& boundary) const {
        return symbols_.name_of(vm::Virtual{boundary.cpu.regs.rip});
    }

    BootImage image_ = kernel_image();
    vm::SymbolTable symbols_ = symbol_table(own_symbols(image_));
    KernelGuest guest_;
    KernelState begin_;
};

TEST_F(Getpid, HoldsWithAnNmiAtEachOfItsBoundaries) {
    guest_.restore(begin_);
    const auto end = run_on();
    const auto handled = nmis(guest_, image_, symbols_);
    const auto boundaries = step();
    const auto stepped = guest_.save();
    EXPECT_TRUE(stepped.cpu.same_as(end.cpu));
    EXPECT_TRUE(same_pages(stepped, end)) << "the guest sees that it is stepped";
    EXPECT_GT(boundaries.size(), 100U);

    for (const auto& boundary : boundaries) {
        guest_.restore(boundary);
        guest_.cpu().nmi();
        const auto interrupted = run_on();
        EXPECT_TRUE(interrupted.cpu.same_as(end.cpu)) << place(boundary);
        EXPECT_EQ(nmis(guest_, image_, symbols_), handled + 1) << place(boundary);
    }
}

/// Without WRGSBASE in paranoid_entry, an NMI that finds the user's GS base in kernel code keeps it. Three boundaries
/// of getpid() have that base: the first of the entry, and the two after SWAPGS in the exit.
TEST_F(Getpid, BreaksExactlyWhereTheUsersGsBaseMeetsKernelCode) {
    poke("paranoid_entry", {0xf3, 0x48, 0x0f, 0xae, 0xd8}, {0x0f, 0x1f, 0x44, 0x00, 0x00});
    begin_.pages = guest_.save().pages;
    std::vector<std::string> broken;
    for (const auto& boundary : step()) {
        guest_.restore(boundary);
        guest_.cpu().nmi();
        constexpr unsigned seconds = 4;  // a run that holds takes milliseconds
        try {
            (void)guest_.run_to_doorbell(0xd0, 0xd0, seconds);
        } catch (const BootError&) {
            broken.push_back(place(boundary));
        }
    }
    ASSERT_EQ(broken.size(), 3U) << testing::PrintToString(broken);
    EXPECT_EQ(broken[0], "entry_SYSCALL_64");
    for (const auto at : {1, 2}) EXPECT_THAT(broken[at], testing::StartsWith("entry_SYSRETQ_unsafe_stack+"));
}

TEST_F(Getpid, RunsTheSameWayFromASavedState) {
    guest_.restore(begin_);
    const auto first = run_on();
    guest_.restore(begin_);
    const auto second = run_on();
    EXPECT_TRUE(first.cpu.same_as(second.cpu));
    EXPECT_GT(first.pages.size(), 0U) << "getpid() writes its stack";
    EXPECT_TRUE(same_pages(first, second));
}

TEST(KernelGuest, SaysWhatTheKernelSaidBeforeItGaveUp) {
    const auto image = kernel_image();
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
