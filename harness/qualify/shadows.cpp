#include "qualify/facts.hpp"
#include "qualify/measurements.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

using vm::Event;
using vm::Guest;

/// Lands an interrupt before an STI. After the STI comes `second`, and `end` names the address after that. All this
/// executes once before, without the interrupt. An emulator is slow the first time, so an interrupt of the host would
/// be more likely to end the shadow.
Answer irq_before_sti_and(Bench& bench, Spot end, void (*second)(vm::Code&)) {
    RecordingCode code;
    auto& k = code.kernel;
    Xbyak::Label again;
    code.on(GATECRASH_DEFAULT_IRQ);
    k.mov(k.eax, GATECRASH_KERNEL_SS);
    k.mov(k.ecx, 2);
    k.L(again);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.sti();
    code.place(after(Mark::sti));
    second(k);
    code.place(end);
    k.nop();
    code.place(after(end.mark, end.more + 1));
    k.nop();
    k.cli();
    k.dec(k.ecx);
    k.jnz(again);
    code.end();
    return code.tell(code.run(bench, [begins = 0](Guest& guest) mutable {
        if (++begins == 2) guest.land(Event::irq());
    }));
}

/// Lands `event` where this shadow is part of the guest's state.
Answer event_in_shadow(Bench& bench, Event event, std::uint8_t shadow) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(event.vector, event.kind == Event::Kind::nmi ? GATECRASH_IST_NMI : 0);
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(in(Mark::shadow));
    k.nop();
    code.place(after(Mark::shadow_begin, 1));
    k.nop();
    k.cli();
    code.end();
    return code.tell(code.run(bench, [&](Guest& guest) {
        auto regs = guest.cpu().regs();
        regs.rflags |= vm::rflags_if;  // without IF there is no shadow of STI (SDM volume 3, 26.3.1.5)
        guest.cpu().set_regs(regs);
        auto events = guest.cpu().events();
        events.interrupt.shadow = shadow;
        events.flags |= KVM_VCPUEVENT_VALID_SHADOW;
        guest.cpu().set_events(events);
        guest.land(event);
    }));
}

void mov_ss(vm::Code& k) { k.bytes({0x8e, 0xd0}); }  // mov ss, eax

/// Executes `instruction`, which the guest calls `mark`, after a POPF that sets TF.
Answer tf_over(Bench& bench, Mark mark, void (*instruction)(vm::Code&)) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_DB, 0, clear_pushed_tf);
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.dword[k.rbx + 4], GATECRASH_KERNEL_SS);  // LSS loads this and the 0 before it
    k.mov(k.eax, GATECRASH_KERNEL_SS);
    k.pushfq();
    k.or_(k.qword[k.rsp], static_cast<std::uint32_t>(vm::rflags_tf));
    k.popfq();
    instruction(k);
    code.place(after(mark));
    k.nop();
    code.place(after(mark, 1));
    k.nop();
    k.cli();
    code.end();
    return code.tell(code.run(bench), cause);
}

}  // namespace

Answer sti_shadow(Bench& bench) {
    return irq_before_sti_and(bench, after(Mark::sti, 1), [](vm::Code& k) { k.nop(); });
}

Answer sti_with_if_set(Bench& bench) {
    return irq_before_sti_and(bench, after(Mark::second_sti), [](vm::Code& k) { k.sti(); });
}

Answer sti_then_mov_ss(Bench& bench) { return irq_before_sti_and(bench, after(Mark::mov_ss), mov_ss); }

Answer nmi_in_sti_shadow(Bench& bench) { return event_in_shadow(bench, Event::nmi(), KVM_X86_SHADOW_INT_STI); }

Answer nmi_in_mov_ss_shadow(Bench& bench) { return event_in_shadow(bench, Event::nmi(), KVM_X86_SHADOW_INT_MOV_SS); }

Answer shadow_over_entry(Bench& bench) { return event_in_shadow(bench, Event::irq(), KVM_X86_SHADOW_INT_STI); }

Answer tf_over_sti(Bench& bench) {
    return tf_over(bench, Mark::sti, [](vm::Code& k) { k.sti(); });
}

Answer tf_over_mov_ss(Bench& bench) { return tf_over(bench, Mark::mov_ss, mov_ss); }

Answer tf_over_lss(Bench& bench) {
    return tf_over(bench, Mark::lss, [](vm::Code& k) { k.bytes({0x0f, 0xb2, 0x33}); });  // lss esi, [rbx]
}

Answer code_breakpoint_after_mov_ss(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    Xbyak::Label target;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, set_pushed_rf);
    code.set_debug_register(0, target);
    code.set_debug_register(7, dr7_execute);
    k.mov(k.eax, GATECRASH_KERNEL_SS);
    mov_ss(k);
    k.L(target);
    code.place(after(Mark::mov_ss));
    k.nop();
    code.disarm(dr7_execute);
    code.end();
    return code.tell(code.run(bench), cause);
}

Answer mov_ss_then_fault(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    code.on(vector_ud, 0, [&](vm::Code&) {
        code.disarm(dr7_access_of_two_bytes);
        code.end();
    });
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.word[k.rbx], GATECRASH_KERNEL_SS);
    code.set_debug_register(0, RecordingCode::scratch);
    code.set_debug_register(7, dr7_access_of_two_bytes);
    k.bytes({0x8e, 0x13});  // mov ss, [rbx]
    code.place(after(Mark::mov_ss));
    k.ud2();
    return code.tell(code.run(bench));
}

}  // namespace gatecrash::qualify
