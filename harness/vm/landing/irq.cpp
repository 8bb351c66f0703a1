#include <algorithm>
#include <array>

#include "vm/guest.hpp"
#include "vm/landing/event_kind.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::vm {
namespace {

bool irq_is_deliverable(const Event&, const kvm_regs& regs, const kvm_vcpu_events& events) {
    return events.interrupt.shadow == 0 && (regs.rflags & rflags_if) != 0;
}

/// True if no interrupt of this priority or above is in service: a local APIC keeps the new one back until then. Only a
/// guest that declares `interrupts_in_service` has such a state.
bool can_land_irq(const Guest& guest, const Event& event, const AtBoundary& at) {
    const auto& declared = guest.declared().interrupts_in_service;
    if (!declared) return true;
    // The upper four bits of a vector are its priority (SDM volume 3, 10.8.3.1).
    std::array<std::uint16_t, GATECRASH_VECTORS / 16> in_service{};
    const bool known = guest.read_at(at.pages, *declared, std::as_writable_bytes(std::span(in_service)));
    return !known || std::all_of(in_service.begin() + event.vector / 16, in_service.end(),
                                 [](std::uint16_t vectors) { return vectors == 0; });
}

void land_irq(Guest& guest, const Event& event) { guest.latch_irq(event.vector); }

}  // namespace

const EventKind irq_kind{
    Event::Kind::irq, "irq",           Event::irq(),
    Choice::vector,   Delivery::waits, irq_is_deliverable,
    can_land_irq,     land_irq,        "the guest is still handling an interrupt of that priority or a higher one"};

}  // namespace gatecrash::vm
