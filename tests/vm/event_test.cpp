// Lands interrupts, and checks what the guest sees of them and where they cannot land.
#include "gatecrash/event.hpp"

#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "support/kvm_system.hpp"
#include "vm/boot/guest_code.hpp"
#include "vm/guest.hpp"
#include "vm/run_patiently.hpp"

namespace gatecrash::vm {
namespace {

using Xbyak::Label;

TEST(Shadow, OfMovSsEndsAfterADoorbell) {
    GuestCode code;
    code.load_segments();
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    Guest guest(kvm_system(), code.build("shadow"));
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    EXPECT_TRUE(guest.can_deliver(Event::nmi()));
    EXPECT_EQ(guest.snapshot().events.interrupt.shadow, 0);
}

/// Returns a guest with interrupts on between BEGIN and END, and a handler for `vector`.
Image guest_with_interrupts_on(std::uint8_t vector) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler, start;
    k.jmp(start);
    k.L(handler);
    k.inc(k.r14);
    k.iretq();
    k.L(start);
    k.sti();
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.nop();
    k.doorbell(GATECRASH_PORT_END);
    code.handle(vector, handler);
    return code.build("interrupts on");
}

TEST(Interrupt, IsInServiceForAGuestThatLooks) {
    constexpr std::uint8_t vector = 0x81;
    constexpr Virtual in_service{GuestCode::data + 0x40};
    const auto bits = [&](Guest& guest) {
        return guest.memory().read<std::array<std::uint64_t, 4>>(in_service).value();
    };
    auto image = guest_with_interrupts_on(vector);
    image.symbols = SymbolTable({{"interrupts_in_service", in_service}});
    Guest guest(kvm_system(), std::move(image));
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    const auto before = guest.snapshot();
    guest.land(Event::irq(vector));
    EXPECT_EQ(bits(guest), (std::array<std::uint64_t, 4>{})) << "before it is delivered";
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_END}});
    EXPECT_EQ(guest.cpu().regs().r14, 1U);
    EXPECT_EQ(bits(guest), (std::array<std::uint64_t, 4>{0, 0, 2, 0}));
    guest.restore(before);
    EXPECT_EQ(bits(guest), (std::array<std::uint64_t, 4>{}));
}

TEST(Interrupt, DoesNotLandWhileOneOfItsPriorityIsInService) {
    constexpr Virtual in_service{GuestCode::data + 0x40};
    auto image = guest_with_interrupts_on(0x81);
    image.symbols = SymbolTable({{"interrupts_in_service", in_service}});
    Guest guest(kvm_system(), std::move(image));
    const auto before = guest.snapshot();
    EXPECT_TRUE(guest.can_land(Event::irq(0x81)));
    const std::array<std::uint64_t, 4> bits{0, 0, 2, 0};  // the bit of vector 0x81
    ASSERT_TRUE(guest.memory().write(in_service, std::as_bytes(std::span(bits))));
    const auto during = guest.snapshot();
    for (const int vector : {0x20, 0x7f, 0x80, 0x81, 0x8f}) {
        EXPECT_FALSE(guest.can_land(Event::irq(static_cast<std::uint8_t>(vector)))) << vector;
        EXPECT_FALSE(guest.can_land(Event::irq(static_cast<std::uint8_t>(vector)), during)) << vector;
        EXPECT_TRUE(guest.can_land(Event::irq(static_cast<std::uint8_t>(vector)), before)) << vector;
    }
    EXPECT_TRUE(guest.can_land(Event::irq(0x90))) << "of a higher priority";
    EXPECT_TRUE(guest.can_land(Event::irq(0x90), during));
    EXPECT_TRUE(guest.can_land(Event::nmi()));
}

TEST(Interrupt, WithTheVectorOfAnExceptionIsStillAnInterrupt) {
    Guest guest(kvm_system(), guest_with_interrupts_on(GATECRASH_VECTOR_DF));
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    guest.land(Event::irq(GATECRASH_VECTOR_DF));
    EXPECT_EQ(run_patiently(guest), Outcome{Doorbell{GATECRASH_PORT_END}})
        << "no error code is pushed: " << guest.dump();
    EXPECT_EQ(guest.cpu().regs().r14, 1U);
}

/// On a CPU that keeps NMIs masked (behaviour nmi-mask-over-entry), the harness unmasks them by its own IRET.
TEST(Nmi, IsUnmaskedWhateverInterruptsTheHarness) {
    GuestCode code;
    auto& k = code.kernel;
    Label handler;
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.doorbell(GATECRASH_PORT_END);
    k.L(handler);
    k.doorbell(GATECRASH_PORT_FATAL);
    code.handle(GATECRASH_VECTOR_NMI, handler, GATECRASH_IST_NMI);
    const auto image = code.build("masked");
    {
        Guest guest(kvm_system(), image);
        EXPECT_EQ(guest.run(), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
        guest.land(Event::nmi());
        EXPECT_EQ(guest.run(), Outcome{Doorbell{GATECRASH_PORT_FATAL}});
        EXPECT_EQ(guest.cpu().events().nmi.masked, 1);
        guest.cpu().request_immediate_exit();  // like a watchdog that comes too late
    }
    Guest next(kvm_system(), image);
    EXPECT_EQ(next.run(), Outcome{Doorbell{GATECRASH_PORT_BEGIN}});
    EXPECT_EQ(next.cpu().events().nmi.masked, 0);
}

}  // namespace
}  // namespace gatecrash::vm
