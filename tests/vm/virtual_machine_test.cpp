// Tests that guests which boot in one virtual machine, one after another, leave no state to the next one.
#include "vm/virtual_machine.hpp"
#include "cases/registry.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "suite/case.hpp"
#include "support/kvm_system.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::vm {
namespace {

struct Booted {
    const char *of, *variant;
    std::vector<Event> events;
};

/// 64-bit and 32-bit guests. Their runs end in many states: in user code, in the kernel, in NMI handlers, in endless
/// loops and triple faults. Some end with armed breakpoints, or with MCIP set.
const Booted booted[] = {
    {"nested-nmi", "single-stack", {Event::nmi()}},
    {"reference32", "whole", {Event::nmi(), Event::irq()}},
    {"machine-check", "mcip-cleared-on-ist", {Event::mc()}},
    {"debug", "db-keeps-dr7", {Event::db()}},
    {"swapgs", "paranoid-keeps-cr3", {Event::nmi()}},
    {"nested-nmi", "copied-frame", {Event::nmi(), Event::irq()}},
};

Image booted_image(const Booted& which) {
    return load_elf(cases::guest_of(which.of, which.variant), std::string(which.of) + "/" + which.variant);
}

sweep::SweepResult sweep_part(Guest& guest, const Booted& which) {
    sweep::SweepOptions options;
    options.events = which.events;
    options.shard = {1, 12};
    options.stepper = stepper_for(guest.image(), which.events, StepperKind::trap_flag);
    return sweep::sweep(guest, options);
}

TEST(VirtualMachine, HasEachGuestFindWhatTheFirstOneDoes) {
    VirtualMachine shared(kvm_system());
    for (int round = 0; round < 2; ++round) {
        for (const auto& which : booted) {
            Guest alone(kvm_system(), booted_image(which));
            const auto expected = alone.snapshot();
            Guest guest(shared, booted_image(which));
            const auto at_boot = guest.snapshot();
            EXPECT_EQ(std::memcmp(&at_boot.regs, &expected.regs, sizeof expected.regs), 0) << which.variant;
            EXPECT_EQ(std::memcmp(&at_boot.sregs, &expected.sregs, sizeof expected.sregs), 0) << which.variant;
            EXPECT_EQ(std::memcmp(&at_boot.debug_registers, &expected.debug_registers, sizeof(kvm_debugregs)), 0)
                << which.variant;
            EXPECT_EQ(at_boot.msrs, expected.msrs) << which.variant;
            EXPECT_EQ(at_boot.events.nmi.masked, 0) << which.variant;
            EXPECT_TRUE(guest.memory().equals(expected.pages)) << which.variant;
            const auto result = sweep_part(alone, which);
            EXPECT_GT(result.schedules, 0U) << which.variant;
            EXPECT_EQ(sweep_part(guest, which), result) << which.variant;
        }
    }
}

}  // namespace
}  // namespace gatecrash::vm
