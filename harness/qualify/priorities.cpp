#include "qualify/facts.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

using vm::Event;
using vm::Guest;
using Xbyak::Label;

constexpr std::uint32_t tf = vm::rflags_tf, interrupts_on = vm::rflags_if | 2;

/// Emits a POPF that loads `rflags`. With IF set, that lets in an interrupt that has landed.
void popf(vm::Code& k, std::uint32_t rflags) {
    k.push(rflags);
    k.popfq();
}

void land_irq(Guest& guest) { guest.land(Event::irq()); }
void land_nmi(Guest& guest) { guest.land(Event::nmi()); }

/// Lands an event before an instruction that has a breakpoint.
Answer event_at_code_breakpoint(Bench& bench, std::uint8_t vector, void (*land)(Guest&), std::uint32_t rflags) {
    RecordingCode code;
    auto& k = code.kernel;
    Label target;
    code.on(vector, vector == GATECRASH_VECTOR_NMI ? GATECRASH_IST_NMI : 0);
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, set_pushed_rf);
    code.set_debug_register(0, target);
    code.set_debug_register(7, dr7_execute);
    k.doorbell(GATECRASH_PORT_BEGIN);
    if (rflags != 0) popf(k, rflags);
    k.L(target);
    code.place(at(Mark::breakpoint));
    k.nop();
    k.cli();
    code.disarm(dr7_execute);
    code.end();
    return code.tell(code.run(bench, land));
}

/// Lands an NMI and `vector` on one boundary, with interrupts on.
Answer two_events(Bench& bench, std::uint8_t vector, unsigned ist, const RecordingCode::OnBegin& land) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(vector, ist);
    code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI);
    popf(k, interrupts_on);
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::doorbell));
    k.nop();
    k.cli();
    code.end();
    return code.tell(code.run(bench, land));
}

}  // namespace

/// Uses the trap of TF over the NMI handler's IRET, which unmasks NMIs. A data breakpoint would do as well, but QEMU
/// crashes on one there.
Answer trap_before_nmi(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [&](vm::Code& c) {
        the_first_time(c, [&] {
            c.doorbell(GATECRASH_PORT_BEGIN);
            c.add(c.rsp, RecordingCode::frame_rip);
            popf(c, tf | 2);
            c.iretq();
        });
    });
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::doorbell));
    k.nop();
    code.place(after(Mark::doorbell, 1));
    k.nop();
    code.end();
    return code.tell(code.run(bench, land_nmi));
}

Answer trap_before_irq(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_DEFAULT_IRQ);
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, clear_pushed_tf);
    k.push(tf | interrupts_on);
    k.push(tf | 2);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.popfq();  // sets TF
    k.popfq();  // sets IF: an interrupt and the trap are due at once
    code.place(after(Mark::popf_of_if));
    k.nop();
    k.cli();
    code.end();
    return code.tell(code.run(bench, land_irq));
}

Answer irq_before_code_breakpoint(Bench& bench) {
    return event_at_code_breakpoint(bench, GATECRASH_DEFAULT_IRQ, land_irq, interrupts_on);
}

Answer nmi_before_code_breakpoint(Bench& bench) {
    return event_at_code_breakpoint(bench, GATECRASH_VECTOR_NMI, land_nmi, 0);
}

Answer code_breakpoint_before_fault(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    Label target;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, set_pushed_rf);
    code.on(vector_ud, 0, [&](vm::Code&) {
        code.disarm(dr7_execute);
        code.end();
    });
    code.set_debug_register(0, target);
    code.set_debug_register(7, dr7_execute);
    k.L(target);
    code.place(at(Mark::ud2));
    k.ud2();
    return code.tell(code.run(bench));
}

Answer nmi_before_irq(Bench& bench) {
    return two_events(bench, GATECRASH_DEFAULT_IRQ, 0, [](Guest& guest) {
        land_nmi(guest);
        land_irq(guest);
    });
}

/// Injects the interrupt itself, since Guest::land() would hold it back.
Answer injected_irq_before_nmi(Bench& bench) {
    return two_events(bench, GATECRASH_DEFAULT_IRQ, 0, [](Guest& guest) {
        land_nmi(guest);
        guest.cpu().interrupt(GATECRASH_DEFAULT_IRQ);
    });
}

Answer injected_exception_before_nmi(Bench& bench) {
    return two_events(bench, GATECRASH_VECTOR_DB, GATECRASH_IST_DB, [](Guest& guest) {
        guest.land(Event::db());
        land_nmi(guest);
    });
}

Answer machine_check_before_nmi(Bench& bench) {
    return two_events(bench, GATECRASH_VECTOR_MC, GATECRASH_IST_MC, [](Guest& guest) {
        guest.land(Event::mc());
        land_nmi(guest);
    });
}

}  // namespace gatecrash::qualify
