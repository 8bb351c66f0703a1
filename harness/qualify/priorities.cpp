#include "facts.hpp"
#include "recording_guest.hpp"

namespace gatecrash::qualify {
namespace {

using machine::Event;
using machine::Machine;
using Xbyak::Label;

constexpr std::uint32_t tf = machine::rflags_tf, interrupts_on = machine::rflags_if | 2;

/// POPF loads `rflags`, which lets in an interrupt that has landed.
void popf(machine::Code& k, std::uint32_t rflags) {
    k.push(rflags);
    k.popfq();
}

void land_irq(Machine& machine) { machine.land(Event::irq()); }
void land_nmi(Machine& machine) { machine.land(Event::nmi()); }

/// Something lands in front of an instruction that has a breakpoint.
std::string event_at_code_breakpoint(Bench& bench, std::uint8_t vector, void (*land)(Machine&), std::uint32_t rflags) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    Label target;
    guest.on(vector, vector == GATECRASH_VECTOR_NMI ? GATECRASH_IST_NMI : 0);
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, set_pushed_rf);
    guest.set_debug_register(0, target);
    guest.set_debug_register(7, dr7_execute);
    k.doorbell(GATECRASH_PORT_BEGIN);
    if (rflags != 0) popf(k, rflags);
    k.L(target);
    guest.place("at the breakpoint");
    k.nop();
    k.cli();
    guest.disarm(dr7_execute);
    guest.end();
    return guest.tell(guest.run(bench, land));
}

/// An NMI and `vector` land on one boundary, with interrupts on.
std::string two_events(Bench& bench, std::uint8_t vector, unsigned ist, const RecordingGuest::OnBegin& land) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(vector, ist);
    guest.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI);
    popf(k, interrupts_on);
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("behind the doorbell");
    k.nop();
    k.cli();
    guest.end();
    return guest.tell(guest.run(bench, land));
}

}  // namespace

/// The trap is that of TF over the NMI handler's IRET, behind which NMIs are unmasked. A data breakpoint would do as
/// well, but QEMU crashes on one there.
std::string trap_before_nmi(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    guest.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [&](machine::Code& c) {
        the_first_time(c, [&] {
            c.doorbell(GATECRASH_PORT_BEGIN);
            c.add(c.rsp, RecordingGuest::frame_rip);
            popf(c, tf | 2);
            c.iretq();
        });
    });
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("behind the doorbell");
    k.nop();
    guest.place("one instruction behind the doorbell");
    k.nop();
    guest.end();
    return guest.tell(guest.run(bench, land_nmi));
}

std::string trap_before_irq(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_DEFAULT_IRQ);
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, clear_pushed_tf);
    k.push(tf | interrupts_on);
    k.push(tf | 2);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.popfq();  // TF
    k.popfq();  // IF: an interrupt and the trap at once
    guest.place("behind the POPF that sets IF");
    k.nop();
    k.cli();
    guest.end();
    return guest.tell(guest.run(bench, land_irq));
}

std::string irq_before_code_breakpoint(Bench& bench) {
    return event_at_code_breakpoint(bench, GATECRASH_DEFAULT_IRQ, land_irq, interrupts_on);
}

std::string nmi_before_code_breakpoint(Bench& bench) {
    return event_at_code_breakpoint(bench, GATECRASH_VECTOR_NMI, land_nmi, 0);
}

std::string code_breakpoint_before_fault(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    Label target;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, set_pushed_rf);
    guest.on(vector_ud, 0, [&](machine::Code&) {
        guest.disarm(dr7_execute);
        guest.end();
    });
    guest.set_debug_register(0, target);
    guest.set_debug_register(7, dr7_execute);
    k.L(target);
    guest.place("at the UD2");
    k.ud2();
    return guest.tell(guest.run(bench));
}

std::string nmi_before_irq(Bench& bench) {
    return two_events(bench, GATECRASH_DEFAULT_IRQ, 0, [](Machine& machine) {
        land_nmi(machine);
        land_irq(machine);
    });
}

/// Machine::land() would hold the interrupt back.
std::string injected_irq_before_nmi(Bench& bench) {
    return two_events(bench, GATECRASH_DEFAULT_IRQ, 0, [](Machine& machine) {
        land_nmi(machine);
        machine.cpu().interrupt(GATECRASH_DEFAULT_IRQ);
    });
}

std::string injected_exception_before_nmi(Bench& bench) {
    return two_events(bench, GATECRASH_VECTOR_DB, GATECRASH_IST_DB, [](Machine& machine) {
        machine.land(Event::db());
        land_nmi(machine);
    });
}

std::string machine_check_before_nmi(Bench& bench) {
    return two_events(bench, GATECRASH_VECTOR_MC, GATECRASH_IST_MC, [](Machine& machine) {
        machine.land(Event::mc());
        land_nmi(machine);
    });
}

}  // namespace gatecrash::qualify
