// Tests what a KVM does with a second NMI that arrives in the handler of the first.
#include <gtest/gtest.h>
#include <gatecrash/gatecrash.hpp>

using namespace gatecrash;

constexpr auto begin_bell = Doorbell::begin(), end_bell = Doorbell::end();

TEST(Nmi, IsMaskedUntilIret) {
    GuestCode code;
    code.on(Vector::nmi).ring_once(begin_bell);
    code.kernel.ring(begin_bell);
    const auto landed = code.kernel.here();
    code.kernel.nop();
    code.kernel.ring(end_bell);

    Guest guest(Kvm::open(), code);
    guest.run_to(begin_bell).land(Event::nmi());
    guest.run_to(begin_bell).land(Event::nmi());  // lands inside the handler
    EXPECT_EQ(guest.run_to(end_bell).deliveries(), (Deliveries{{Vector::nmi, landed}, {Vector::nmi, landed}}));
}

TEST(UserCode, FaultsAtItsOwnInstruction) {
    GuestCode code;
    code.enter_user();
    const auto hlt = code.user.here();
    code.user.hlt();  // HLT raises #GP at CPL 3
    code.on(Vector::gp).ring(end_bell);

    Guest guest(Kvm::open(), code);
    EXPECT_EQ(guest.run_to(end_bell).deliveries(), (Deliveries{{Vector::gp, hlt, 3, 0}}));
}
