// After runs and steps, the state that the harness keeps without asking KVM equals the state that KVM has.
#include <gtest/gtest.h>

#include <cstring>

#include "gatecrash/explore/case.hpp"
#include "gatecrash/explore/schedule.hpp"
#include "gatecrash/machine/machine.hpp"
#include "gatecrash/machine/stepper.hpp"
#include "gatecrash/machine/tiny_guest.hpp"
#include "support/kvm_system.hpp"
#include "walker.hpp"
#include "window.hpp"

namespace gatecrash::machine {
namespace {

/// Reads Machine::saved_msrs from KVM.
MsrSet msrs_of_kvm(Machine& machine) {
    std::array<kvm_msr_entry, Machine::saved_msrs.size()> entries{};
    for (std::size_t i = 0; i < entries.size(); ++i) entries.at(i).index = Machine::saved_msrs.at(i);
    machine.cpu().get_msrs(entries);
    MsrSet values{};
    for (std::size_t i = 0; i < entries.size(); ++i) values.at(i) = entries.at(i).data;
    return values;
}

/// A step of SYSCALL has TF pass FMASK. KVM gets the guest's value back with the next run.
MsrSet without_tf(MsrSet msrs) {
    constexpr std::size_t fmask = 4;
    msrs.at(fmask) &= ~rflags_tf;
    return msrs;
}

bool same_pages(const PageSet& a, const PageSet& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const SavedPage& x, const SavedPage& y) {
        return x.number == y.number && *x.content == *y.content;
    });
}

struct Guest {
    const char *of, *variant;
    Event event;
};
void PrintTo(const Guest& guest, std::ostream* out) {
    *out << guest.of << "/" << guest.variant << " " << explore::to_string(guest.event);
}

class KnownState : public testing::TestWithParam<Guest> {
  protected:
    void SetUp() override {
        const auto& [of, variant, event] = GetParam();
        machine_ = std::make_unique<Machine>(kvm_system(),
                                             load_elf(explore::guest_of(of, variant), std::string(of) + "/" + variant));
        auto window = explore::next_window(*machine_);
        ASSERT_TRUE(window);
        window_ = std::move(*window);
    }

    [[nodiscard]] std::unique_ptr<Stepper> stepper() {
        const std::array events{GetParam().event};
        return make_stepper(stepper_for(machine_->image(), events, StepperKind::trap_flag), *machine_);
    }

    std::unique_ptr<Machine> machine_;
    explore::Window window_;
};

TEST_P(KnownState, IsThatOfKvmAfterEachStep) {
    explore::open_window(*machine_, window_);
    const auto stepper = this->stepper();
    explore::Walker walker(*machine_, *stepper);
    Snapshot before = machine_->snapshot();
    int steps = 0, known = 0, saved = 0;
    bool landed = false;
    constexpr int lands_after = 10;
    while (steps < 400) {
        if (!landed && steps >= lands_after && machine_->can_land(GetParam().event)) {
            machine_->land(GetParam().event);
            landed = true;
        }
        if (walker.step().end) break;
        ++steps;
        known += machine_->known().msrs ? 1 : 0;
        saved += machine_->known().memory ? 1 : 0;
        auto now = machine_->snapshot(&before);
        EXPECT_TRUE(same_pages(now.pages, machine_->snapshot().pages)) << machine_->dump();
        before = machine_->snapshot(&now);
        const auto believed = machine_->debug_registers();
        EXPECT_EQ(without_tf(machine_->msrs()), without_tf(msrs_of_kvm(*machine_))) << machine_->dump();
        machine_->cpu().forget_debug_registers();
        const auto read = machine_->debug_registers();
        EXPECT_EQ(std::memcmp(&believed, &read, sizeof read), 0) << machine_->dump();
    }
    EXPECT_TRUE(landed);
    EXPECT_GT(2 * known, steps) << "MSRs are read again and again";
    EXPECT_GT(5 * saved, steps) << "memory is compared again and again";
}

/// A restore writes only what differs from what KVM is known to have.
TEST_P(KnownState, LetsARestoreWriteAllThatARunChanged) {
    explore::open_window(*machine_, window_);
    const auto stepper = this->stepper();
    std::vector<Snapshot> boundaries;
    {
        explore::Walker walker(*machine_, *stepper);
        do {
            const auto next = machine_->next_instruction();
            if (next && !next->changes_msrs && !opens_shadow(*next)) boundaries.push_back(machine_->snapshot());
        } while (!walker.step().end);
    }
    ASSERT_GT(boundaries.size(), 10U);
    int changed = 0;
    for (std::size_t i = 0; i < boundaries.size(); i += 7) {
        (void)explore::run_patiently(*machine_);
        changed += msrs_of_kvm(*machine_) != boundaries[i].msrs ? 1 : 0;
        machine_->restore(boundaries[i]);
        explore::Walker walker(*machine_, *stepper);
        (void)walker.step();
        EXPECT_EQ(without_tf(msrs_of_kvm(*machine_)), without_tf(boundaries[i].msrs)) << machine_->dump();
    }
    // SWAPGS alone changes MSRs in these windows.
    if (machine_->image().is_64_bit()) {
        EXPECT_GT(changed, 0) << "no restore had MSRs to write";
    }
}

/// KVM for AMD resets the vCPU when the guest shuts it down (Linux, shutdown_interception()).
class AfterAShutdown : public testing::TestWithParam<bool> {};

TEST_P(AfterAShutdown, ARestoreGivesBackWhatWasThere) {
    TinyGuest guest;
    guest.kernel.doorbell(GATECRASH_PORT_BEGIN);
    guest.kernel.nop();
    for (const int byte : {0x0f, 0x0b}) guest.kernel.db(byte);  // ud2
    Machine machine(kvm_system(), guest.build("shutdown"));
    machine.expect_watchpoints();
    ASSERT_EQ(machine.run(), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    auto msrs = machine.msrs();
    msrs.at(0) = 0x7654000;           // KERNEL_GS_BASE
    msrs.at(2) = 0xffffffff80012340;  // LSTAR
    machine.set_msrs(msrs);
    auto debug = machine.debug_registers();
    debug.db[0] = 0x1000;
    machine.cpu().set_debug_registers(debug);
    auto sregs = machine.cpu().sregs();
    sregs.idt.limit = 0;
    machine.set_sregs(sregs);
    const auto before = machine.snapshot();
    const auto stepper = make_stepper(StepperKind::trap_flag, machine);
    const bool steps = GetParam();
    if (steps) {
        explore::Walker walker(machine, *stepper);
        ASSERT_FALSE(walker.step().end);
        ASSERT_EQ(walker.step().end, Outcome{TripleFault{}});
    } else {
        ASSERT_EQ(machine.run(), Outcome{TripleFault{}});
    }
    machine.restore(before);
    explore::Walker walker(machine, *stepper);
    ASSERT_FALSE(walker.step().end);  // the NOP
    EXPECT_EQ(msrs_of_kvm(machine), msrs);
    machine.cpu().forget_debug_registers();
    EXPECT_EQ(machine.debug_registers().db[0], 0x1000U);
}

INSTANTIATE_TEST_SUITE_P(Of, AfterAShutdown, testing::Bool(),
                         [](const auto& info) { return info.param ? "AStep" : "AFreeRun"; });

TEST(AMachineCheck, WithoutCr4MceShutsTheCpuDown) {
    TinyGuest guest;
    guest.kernel.doorbell(GATECRASH_PORT_BEGIN);
    guest.kernel.nop();
    Machine machine(kvm_system(), guest.build("no-mce"));
    ASSERT_EQ(machine.run(), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    auto sregs = machine.cpu().sregs();
    sregs.cr4 &= ~std::uint64_t{0x40};
    machine.set_sregs(sregs);
    const auto before = machine.snapshot();
    machine.land(Event::mc());
    EXPECT_EQ(machine.run(), Outcome{TripleFault{}});
    machine.restore(before);
    EXPECT_EQ(machine.msrs(), before.msrs);
}

INSTANTIATE_TEST_SUITE_P(Of, KnownState,
                         testing::Values(Guest{"nested-nmi", "copied-frame", Event::nmi()},
                                         Guest{"nested-nmi", "copied-frame", Event::irq()},
                                         Guest{"reference", "whole", Event::nmi()},
                                         Guest{"reference", "whole", Event::db()},
                                         Guest{"reference", "whole", Event::mc()},
                                         Guest{"reference32", "whole", Event::irq()}));

}  // namespace
}  // namespace gatecrash::machine
