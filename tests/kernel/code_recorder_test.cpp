// Records what a booted kernel executes. Runs in an emulated machine that has it at /kernel, and its init program at
// /kernel-test-init.
#include "kernel/code_recorder.hpp"

#include <gmock/gmock.h>

#include "kernel/booted_kernel.hpp"
#include "sweep/sweep.hpp"
#include "vm/page.hpp"

namespace gatecrash::kernel {
namespace {

using vm::Event;

class KernelCodeRecorder : public testing::Test {
  protected:
    KernelCodeRecorder() { guest().record_code(booted_.facts().without_breakpoints); }

    KernelGuest& guest() { return booted_.guest(); }
    [[nodiscard]] vm::Virtual find(const char* symbol) const { return booted_.symbols().find(symbol).value(); }
    [[nodiscard]] std::byte in_memory(vm::Virtual address) {
        return guest().memory()[number(guest().translate(address).value())];
    }
    Booted booted_;
};

TEST_F(KernelCodeRecorder, RecordsWhatOnlyFreeRunsExecute) {
    sweep::SweepOptions options;
    options.events = {Event::nmi()};
    options.window = {{"__entry_text_start", "__entry_text_end", {}}};
    auto subject = booted_.subject(options);
    const auto result = sweep::sweep(subject, options);
    EXPECT_TRUE(result.findings.empty());
    const auto executed = executed_by(result);
    // Nothing steps runs after the only event.
    for (const auto* const symbol : {"entry_SYSCALL_64", "asm_exc_nmi", "first_nmi", "exc_nmi"})
        EXPECT_TRUE(executed.contains(find(symbol))) << symbol;
    for (const auto* const symbol : {"nested_nmi", "asm_exc_divide_error", "exc_divide_error"})
        EXPECT_FALSE(executed.contains(find(symbol))) << symbol;
}

TEST_F(KernelCodeRecorder, ShowsTheKernelsOwnCode) {
    guest().recorder()->begin();
    const auto never = find("asm_exc_divide_error");
    EXPECT_EQ(in_memory(never), out_of_stop.front());
    std::array<std::byte, 1> byte{};
    EXPECT_EQ(guest().read_own_code(never, byte), byte.size());
    EXPECT_NE(byte.front(), out_of_stop.front());
    EXPECT_TRUE(guest().instruction_at(never));
    guest().ignore_failures();
    EXPECT_EQ(in_memory(never), byte.front());
    guest().heed_failures();
    EXPECT_EQ(in_memory(never), out_of_stop.front());
}

TEST_F(KernelCodeRecorder, HidesNothingBeforeItBegins) {
    guest().restore(booted_.next());
    guest().ignore_failures();
    guest().heed_failures();
    const auto entry = find("entry_SYSCALL_64");
    EXPECT_NE(in_memory(entry), out_of_stop.front());
    guest().recorder()->execute(entry);
    EXPECT_TRUE(guest().recorder()->take_executed().contains(entry));
}

TEST_F(KernelCodeRecorder, GivesUpOnceTheKernelHasChangedItsCode) {
    guest().recorder()->begin();
    guest().restore(booted_.next());
    const auto never = find("asm_exc_divide_error");
    constexpr std::array nop{std::byte{0x90}};
    guest().patch(never, nop);
    const auto state = guest().save(&booted_.next());
    EXPECT_EQ(in_memory(never), nop.front());
    EXPECT_NE(in_memory(find("asm_exc_overflow")), out_of_stop.front());
    guest().restore(state);
    EXPECT_EQ(in_memory(never), nop.front());
    guest().restore(booted_.next());
    EXPECT_NE(in_memory(never), nop.front());
    EXPECT_NE(in_memory(never), out_of_stop.front());
}

/// An exit that is not there for the kernel: it loses no shadow.
TEST_F(KernelCodeRecorder, LeavesTheCpuAsItWas) {
    guest().recorder()->begin();
    guest().restore(booted_.next());
    ASSERT_EQ(guest().run_patiently(), (Stop{Rang{GATECRASH_DOORBELL_BEGIN}}));
    guest().leave_doorbell();
    // SYSCALL leads to code that is hidden.
    auto exit = guest().run_once();
    ASSERT_TRUE(std::holds_alternative<kvm::IoExit>(exit));
    auto events = guest().cpu().events();
    events.interrupt.shadow = KVM_X86_SHADOW_INT_MOV_SS;
    events.flags |= KVM_VCPUEVENT_VALID_SHADOW;
    guest().cpu().set_events(events);
    const auto before = guest().cpu().regs();
    EXPECT_EQ(guest().stop_of(exit), std::nullopt);
    const auto after = guest().cpu().regs();
    EXPECT_EQ(after.rip, before.rip);
    EXPECT_EQ(after.rflags, before.rflags);
    EXPECT_NE(guest().cpu().events().interrupt.shadow, 0);
    EXPECT_EQ(guest().run_patiently(), (Stop{Rang{GATECRASH_DOORBELL_END}}));
}

}  // namespace
}  // namespace gatecrash::kernel
