// Boots the kernel at /kernel with the init program at /kernel-test-init. Runs in an emulated machine that has both.
#include "kernel/kernel_guest.hpp"

#include <gmock/gmock.h>

#include <stdexcept>
#include <utility>

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

TEST(KernelGuest, RunsAgainAfterItHalted) {
    Booted booted;
    auto& guest = booted.guest();
    constexpr std::array cli_hlt{std::byte{0xfa}, std::byte{0xf4}};
    guest.restore(booted.next());
    guest.patch(booted.symbols().find("entry_SYSCALL_64").value(), cli_hlt);
    EXPECT_EQ(guest.run(), (Stop{Rang{GATECRASH_DOORBELL_BEGIN}}));
    guest.leave_doorbell();
    EXPECT_EQ(guest.run_patiently(), (Stop{Ended{std::string(halted_for_ever)}}));
    guest.restore(booted.next());
    EXPECT_EQ(guest.run(), (Stop{Rang{GATECRASH_DOORBELL_BEGIN}}));
}

TEST(KernelGuest, WritesAllBytesOrNone) {
    Booted booted;
    auto& guest = booted.guest();
    guest.restore(booted.next());
    auto end = number(guest.rip()) / vm::page_size * vm::page_size;
    while (guest.translate(vm::Virtual{end})) end += vm::page_size;
    const vm::Virtual last{end - sizeof(std::uint64_t)}, across{end - sizeof(std::uint64_t) / 2};
    const auto before = guest.word_at(last).value();
    EXPECT_THROW(guest.write(across, ~before), std::out_of_range);
    EXPECT_EQ(guest.word_at(last), before);
    guest.write(last, ~before);
    EXPECT_EQ(guest.word_at(last), ~before);
}

TEST(KernelGuest, KnowsWhereItsStopsAre) {
    Booted booted;
    const auto has_stop = [&](vm::Virtual address, std::uint64_t offset, std::size_t size) {
        return booted.guest().has_stop_in(vm::Virtual{number(address) + offset}, size);
    };
    const auto panic = booted.symbols().find("panic").value();
    for (const auto& [at, size] :
         {std::pair{panic, std::size_t{2}}, std::pair{booted.facts().catchers, catchers_size}}) {
        EXPECT_TRUE(has_stop(at, 0, 1));
        EXPECT_TRUE(has_stop(at, size - 1, 1));
        EXPECT_TRUE(has_stop(at, -std::uint64_t{1}, 2));
        EXPECT_FALSE(has_stop(at, -std::uint64_t{1}, 1));
        EXPECT_FALSE(has_stop(at, size, 8));
    }
}

TEST(KernelGuest, HasALogOfWholeLines) {
    Booted booted;
    auto subject = booted.subject({});
    (void)subject.replay({{vm::Event::nmi(), {.symbol = "entry_SYSCALL_64", .index = {}}}}, {});
    EXPECT_EQ(booted.guest().log(2),
              "Uhhuh. NMI received for unknown reason 00 on CPU 0.\nDazed and confused, but trying to continue\n");

    // UD2 as the NMI's handler.
    const auto state =
        booted.patched("asm_exc_nmi", std::array{0x0f, 0x01, 0xca, 0xfc}, std::array{0x0f, 0x0b, 0xca, 0xfc});
    KernelSubject planted(booted.waiting(state), {"getpid", 0}, {});
    const auto result = planted.replay({{vm::Event::nmi(), {.symbol = "entry_SYSCALL_64", .index = {}}}}, {});
    ASSERT_FALSE(result.violations.empty());
    EXPECT_THAT(
        result.violations.front().message,
        testing::EndsWith("\nKernel panic - not syncing: Fatal exception in interrupt\nKernel Offset: disabled\n"));
}

}  // namespace
}  // namespace gatecrash::kernel
