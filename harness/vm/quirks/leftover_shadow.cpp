#include "vm/quirks/leftover_shadow.hpp"

namespace gatecrash::vm::quirks {

void end_shadow(kvm::Vcpu& cpu) {
    auto events = cpu.events();
    if (events.interrupt.shadow == 0) return;
    events.interrupt.shadow = 0;
    events.flags |= KVM_VCPUEVENT_VALID_SHADOW;
    cpu.set_events(events);
}

}  // namespace gatecrash::vm::quirks
