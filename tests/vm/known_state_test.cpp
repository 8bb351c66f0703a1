// Tests that after runs and steps, the state that the harness remembers equals the state in KVM.
#include <gtest/gtest.h>

#include <cstring>

#include "cases/registry.hpp"
#include "suite/case.hpp"
#include "support/kvm_system.hpp"
#include "sweep/schedule.hpp"
#include "sweep/window.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/guest.hpp"
#include "vm/run_patiently.hpp"
#include "vm/stepping/stepper.hpp"
#include "vm/stepping/walker.hpp"

namespace gatecrash::vm {
namespace {

Msrs msrs_of_kvm(Guest& guest) {
    Msrs values;
    read_msrs(guest.cpu(), values);
    return values;
}

/// Returns `msrs` without TF in FMASK. A step of SYSCALL removes that bit from FMASK, and the next run gives the
/// guest's value back to KVM.
Msrs without_tf(Msrs msrs) {
    msrs.fmask &= ~rflags_tf;
    return msrs;
}

bool same_pages(const PageSet& a, const PageSet& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const SavedPage& x, const SavedPage& y) {
        return x.number == y.number && *x.content == *y.content;
    });
}

struct NamedGuest {
    const char *of, *variant;
    Event event;
};
void PrintTo(const NamedGuest& guest, std::ostream* out) {
    *out << guest.of << "/" << guest.variant << " " << sweep::to_string(guest.event);
}

class KnownState : public testing::TestWithParam<NamedGuest> {
  protected:
    void SetUp() override {
        const auto& [of, variant, event] = GetParam();
        guest_ = std::make_unique<Guest>(kvm_system(),
                                         load_elf(cases::guest_of(of, variant), std::string(of) + "/" + variant));
        auto window = sweep::next_window(*guest_);
        ASSERT_TRUE(window);
        window_ = std::move(*window);
    }

    [[nodiscard]] std::unique_ptr<Stepper> stepper() {
        const std::array events{GetParam().event};
        return make_stepper(stepper_for(guest_->image(), events, StepperKind::trap_flag), *guest_);
    }

    std::unique_ptr<Guest> guest_;
    sweep::Window window_;
};

TEST_P(KnownState, IsThatOfKvmAfterEachStep) {
    sweep::open_window(*guest_, window_);
    const auto stepper = this->stepper();
    Walker walker(*guest_, *stepper);
    Snapshot before = guest_->snapshot();
    int steps = 0, known = 0, saved = 0;
    bool landed = false;
    constexpr int lands_after = 10;
    while (steps < 400) {
        if (!landed && steps >= lands_after && guest_->can_land(GetParam().event)) {
            guest_->land(GetParam().event);
            landed = true;
        }
        if (walker.step().end) break;
        ++steps;
        known += guest_->known().msrs ? 1 : 0;
        saved += guest_->known().memory ? 1 : 0;
        auto now = guest_->snapshot(&before);
        EXPECT_TRUE(same_pages(now.pages, guest_->snapshot().pages)) << guest_->dump();
        before = guest_->snapshot(&now);
        const auto believed = guest_->debug_registers();
        EXPECT_EQ(without_tf(guest_->msrs()), without_tf(msrs_of_kvm(*guest_))) << guest_->dump();
        guest_->cpu().forget_debug_registers();
        const auto read = guest_->debug_registers();
        EXPECT_EQ(std::memcmp(&believed, &read, sizeof read), 0) << guest_->dump();
    }
    EXPECT_TRUE(landed);
    EXPECT_GT(2 * known, steps) << "MSRs are read again and again";
    EXPECT_GT(5 * saved, steps) << "memory is compared again and again";
}

/// A restore writes only the state that differs from the state that KVM is known to have.
TEST_P(KnownState, LetsARestoreWriteAllThatARunChanged) {
    sweep::open_window(*guest_, window_);
    const auto stepper = this->stepper();
    std::vector<Snapshot> boundaries;
    {
        Walker walker(*guest_, *stepper);
        do {
            const auto next = guest_->next_instruction();
            if (next && !next->changes_msrs && !opens_shadow(*next)) boundaries.push_back(guest_->snapshot());
        } while (!walker.step().end);
    }
    ASSERT_GT(boundaries.size(), 10U);
    int changed = 0;
    for (std::size_t i = 0; i < boundaries.size(); i += 7) {
        (void)run_patiently(*guest_);
        changed += msrs_of_kvm(*guest_) != boundaries[i].msrs ? 1 : 0;
        guest_->restore(boundaries[i]);
        Walker walker(*guest_, *stepper);
        (void)walker.step();
        EXPECT_EQ(without_tf(msrs_of_kvm(*guest_)), without_tf(boundaries[i].msrs)) << guest_->dump();
    }
    // SWAPGS alone changes MSRs in these windows.
    if (guest_->image().is_64_bit()) {
        EXPECT_GT(changed, 0) << "no restore had MSRs to write";
    }
}

/// KVM for AMD resets the vCPU when the guest shuts it down (Linux, shutdown_interception()).
class AfterAShutdown : public testing::TestWithParam<bool> {};

TEST_P(AfterAShutdown, ARestoreBringsBackTheState) {
    GuestCode code;
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    code.kernel.nop();
    for (const int byte : {0x0f, 0x0b}) code.kernel.db(byte);  // ud2
    Guest guest(kvm_system(), code.build("shutdown"));
    guest.expect_watchpoints();
    ASSERT_EQ(guest.run(), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    auto msrs = guest.msrs();
    msrs.kernel_gs_base = 0x7654000;
    msrs.lstar = 0xffffffff80012340;
    guest.set_msrs(msrs);
    auto debug = guest.debug_registers();
    debug.db[0] = 0x1000;
    guest.cpu().set_debug_registers(debug);
    auto sregs = guest.cpu().sregs();
    sregs.idt.limit = 0;
    guest.set_sregs(sregs);
    const auto before = guest.snapshot();
    const auto stepper = make_stepper(StepperKind::trap_flag, guest);
    const bool steps = GetParam();
    if (steps) {
        Walker walker(guest, *stepper);
        ASSERT_FALSE(walker.step().end);
        ASSERT_EQ(walker.step().end, Outcome{TripleFault{}});
    } else {
        ASSERT_EQ(guest.run(), Outcome{TripleFault{}});
    }
    guest.restore(before);
    Walker walker(guest, *stepper);
    ASSERT_FALSE(walker.step().end);  // steps the NOP
    EXPECT_EQ(msrs_of_kvm(guest), msrs);
    guest.cpu().forget_debug_registers();
    EXPECT_EQ(guest.debug_registers().db[0], 0x1000U);
}

INSTANTIATE_TEST_SUITE_P(Of, AfterAShutdown, testing::Bool(),
                         [](const auto& info) { return info.param ? "AStep" : "AFreeRun"; });

TEST(AMachineCheck, WithoutCr4MceShutsTheCpuDown) {
    GuestCode code;
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    code.kernel.nop();
    Guest guest(kvm_system(), code.build("no-mce"));
    ASSERT_EQ(guest.run(), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    auto sregs = guest.cpu().sregs();
    sregs.cr4 &= ~std::uint64_t{0x40};
    guest.set_sregs(sregs);
    const auto before = guest.snapshot();
    guest.land(Event::mc());
    EXPECT_EQ(guest.run(), Outcome{TripleFault{}});
    guest.restore(before);
    EXPECT_EQ(guest.msrs(), before.msrs);
}

INSTANTIATE_TEST_SUITE_P(Of, KnownState,
                         testing::Values(NamedGuest{"nested-nmi", "copied-frame", Event::nmi()},
                                         NamedGuest{"nested-nmi", "copied-frame", Event::irq()},
                                         NamedGuest{"reference", "whole", Event::nmi()},
                                         NamedGuest{"reference", "whole", Event::db()},
                                         NamedGuest{"reference", "whole", Event::mc()},
                                         NamedGuest{"reference32", "whole", Event::irq()}));

}  // namespace
}  // namespace gatecrash::vm
