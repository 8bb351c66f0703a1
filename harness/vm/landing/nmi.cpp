#include "vm/guest.hpp"
#include "vm/landing/event_kind.hpp"

namespace gatecrash::vm {
namespace {

bool nmi_is_deliverable(const Event&, const kvm_regs&, const kvm_vcpu_events& events) {
    return events.interrupt.shadow == 0 && events.nmi.masked == 0;
}

/// Has the effect of KVM_NMI without the ioctl: the next KVM_RUN takes in these events. KVM counts up to two NMIs while
/// they are unmasked, but a CPU latches one (SDM volume 3, 6.7.1).
void land_nmi(Guest& guest, const Event&) {
    auto events = guest.cpu().events();
    if (events.nmi.pending != 0) return;
    events.nmi.pending = 1;
    events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
    guest.cpu().set_events(events);
}

}  // namespace

const EventKind nmi_kind{Event::Kind::nmi,  "nmi",           Event::nmi(),
                         Choice::nothing,   Delivery::waits, nmi_is_deliverable,
                         can_land_anywhere, land_nmi,        ""};

}  // namespace gatecrash::vm
