#include "vm/guest.hpp"
#include "vm/landing/breakpoints.hpp"
#include "vm/landing/event_kind.hpp"
#include "vm/state/debug_registers.hpp"

namespace gatecrash::vm {
namespace {

/// Returns true: a debugger arms a watchpoint at once, whatever is due.
bool watch_is_deliverable(const Event&, const kvm_regs&, const kvm_vcpu_events&) { return true; }

/// True if a debugger can arm the watchpoint here. An IPI must be able to ask for it, DR0 must be free, and the memory
/// must be mapped and not refused by the guest.
bool can_land_watch(const Guest& guest, const Event& event, const AtBoundary& at) {
    constexpr std::uint64_t enables_of_dr0 = 3;
    return can_deliver(at.regs, at.events, Event::irq()) && has_breakpoints_on(guest, at.dr7) &&
           (at.dr7 & enables_of_dr0) == 0 && !is_in(guest.declared().watchpoints_refused, *event.address) &&
           guest.memory().translate(Virtual{*event.address}).has_value();
}

void land_watch(Guest& guest, const Event& event) {
    guest.expect_watchpoints();
    guest.cpu().set_debug_registers(armed(guest.cpu().debug_registers(), *event.address));
}

}  // namespace

const EventKind watch_kind{
    Event::Kind::watch,
    "watch",
    Event::watch(0),
    Choice::address_required,
    Delivery::arms,
    watch_is_deliverable,
    can_land_watch,
    land_watch,
    "interrupts are off, DR0 is in use, the guest refuses that address, or the address is not mapped",
    Behaviour::breakpoint_from_outside};

}  // namespace gatecrash::vm
