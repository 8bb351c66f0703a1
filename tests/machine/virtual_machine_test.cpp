// Guests that boot in one virtual machine, one after another, leave nothing behind for the next.
#include "gatecrash/machine/virtual_machine.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "gatecrash/explore/case.hpp"
#include "gatecrash/explore/sweep.hpp"
#include "support/kvm_system.hpp"

namespace gatecrash::machine {
namespace {

struct Booted {
    const char *of, *variant;
    std::vector<Event> events;
};

/// 64-bit and 32-bit guests. Their runs end in user code and in the kernel, inside NMI handlers, in endless loops and
/// triple faults, with armed breakpoints and with MCIP set.
const Booted booted[] = {
    {"nested-nmi", "single-stack", {Event::nmi()}},
    {"reference32", "whole", {Event::nmi(), Event::irq()}},
    {"machine-check", "mcip-cleared-on-ist", {Event::mc()}},
    {"debug", "db-keeps-dr7", {Event::db()}},
    {"swapgs", "paranoid-keeps-cr3", {Event::nmi()}},
    {"nested-nmi", "copied-frame", {Event::nmi(), Event::irq()}},
};

Image booted_image(const Booted& guest) {
    return load_elf(explore::guest_of(guest.of, guest.variant), std::string(guest.of) + "/" + guest.variant);
}

explore::SweepResult sweep_part(Machine& machine, const Booted& guest) {
    explore::SweepOptions options;
    options.events = guest.events;
    options.shard = {1, 12};
    options.stepper = stepper_for(machine.image(), guest.events, StepperKind::trap_flag);
    return explore::sweep(machine, options);
}

TEST(VirtualMachine, HasEachGuestFindWhatTheFirstOneDoes) {
    VirtualMachine shared(kvm_system());
    for (int round = 0; round < 2; ++round) {
        for (const auto& guest : booted) {
            Machine alone(kvm_system(), booted_image(guest));
            const auto expected = alone.snapshot();
            Machine machine(shared, booted_image(guest));
            const auto at_boot = machine.snapshot();
            EXPECT_EQ(std::memcmp(&at_boot.regs, &expected.regs, sizeof expected.regs), 0) << guest.variant;
            EXPECT_EQ(std::memcmp(&at_boot.sregs, &expected.sregs, sizeof expected.sregs), 0) << guest.variant;
            EXPECT_EQ(std::memcmp(&at_boot.debug_registers, &expected.debug_registers, sizeof(kvm_debugregs)), 0)
                << guest.variant;
            EXPECT_EQ(at_boot.msrs, expected.msrs) << guest.variant;
            EXPECT_EQ(at_boot.events.nmi.masked, 0) << guest.variant;
            EXPECT_TRUE(machine.memory().equals(expected.pages)) << guest.variant;
            const auto result = sweep_part(alone, guest);
            EXPECT_GT(result.schedules, 0U) << guest.variant;
            EXPECT_EQ(sweep_part(machine, guest), result) << guest.variant;
        }
    }
}

}  // namespace
}  // namespace gatecrash::machine
