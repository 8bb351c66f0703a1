#include <algorithm>

#include "vm/guest.hpp"
#include "vm/landing/breakpoints.hpp"
#include "vm/landing/event_kind.hpp"
#include "vm/state/debug_registers.hpp"
#include "vm/state/registers.hpp"

namespace gatecrash::vm {
namespace {

/// True if the CPU delivers the #DB now. An instruction breakpoint does not trigger with RF set (SDM volume 3,
/// 17.3.1.1).
bool db_is_deliverable(const Event& event, const kvm_regs& regs, const kvm_vcpu_events& events) {
    return events.interrupt.shadow == 0 && events.exception.injected == 0 &&
           (event.is_trap() || (regs.rflags & rflags_rf) == 0);
}

/// True if the next instruction uses `address`. Excludes IRET and loads of SS: an instruction that faults does not
/// trap, and nobody knows in advance whether these fault.
bool meets_watchpoint(const Guest& guest, std::uint64_t address, const AtBoundary& at) {
    const Virtual rip{at.regs.rip};
    const auto text = guest.text_at(rip);
    const auto instruction = decode(text, rip, code_size(at.sregs.cs));
    if (!instruction || instruction->kind == Kind::iret || instruction->kind == Kind::load_ss) return false;
    if (!guest.memory().translate(Virtual{address})) return false;
    return std::ranges::any_of(memory_accesses(text, rip, at.regs, at.sregs), [&](const MemoryAccess& access) {
        return address >= access.address && address - access.address < access.size;
    });
}

bool can_land_db(const Guest& guest, const Event& event, const AtBoundary& at) {
    if (!has_breakpoints_on(guest, at.dr7) || is_in(guest.declared().breakpoints_refused, at.regs.rip)) return false;
    return !event.is_trap() || meets_watchpoint(guest, *event.address, at);
}

/// Records the breakpoint only in DR6, as if it were disarmed again. An armed one would come back after the handler's
/// IRET unless the handler sets RF.
void land_db(Guest& guest, const Event& event) {
    if (event.is_trap()) return guest.arm_trap();
    guest.raise_debug_exception(dr6_b0);
}

}  // namespace

const EventKind db_kind{Event::Kind::db,   "db",        Event::db(), Choice::address, Delivery::at_once,
                        db_is_deliverable, can_land_db, land_db,     exception_is_due};

}  // namespace gatecrash::vm
