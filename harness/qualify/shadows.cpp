#include "facts.hpp"
#include "measurements.hpp"
#include "recording_guest.hpp"

namespace gatecrash::qualify {
namespace {

using machine::Event;
using machine::Machine;

/// An interrupt waits in front of an STI, behind which comes `second`. All that has been executed once already, without
/// the interrupt: an emulator is slow the first time, and an interrupt of the host's the likelier to end the shadow.
std::string irq_before_sti_and(Bench& bench, const char* name, void (*second)(machine::Code&)) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    Xbyak::Label again;
    guest.on(GATECRASH_DEFAULT_IRQ);
    k.mov(k.eax, GATECRASH_KERNEL_SS);
    k.mov(k.ecx, 2);
    k.L(again);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.sti();
    guest.place("behind the STI");
    second(k);
    guest.place(name);
    k.nop();
    guest.place(std::string("one instruction ") + name);
    k.nop();
    k.cli();
    k.dec(k.ecx);
    k.jnz(again);
    guest.end();
    return guest.tell(guest.run(bench, [begins = 0](Machine& machine) mutable {
        if (++begins == 2) machine.land(Event::irq());
    }));
}

/// `event` lands where this shadow is part of the state.
std::string event_in_shadow(Bench& bench, Event event, std::uint8_t shadow) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(event.vector, event.kind == Event::Kind::nmi ? GATECRASH_IST_NMI : 0);
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("in the shadow");
    k.nop();
    guest.place("one instruction behind the shadow's begin");
    k.nop();
    k.cli();
    guest.end();
    return guest.tell(guest.run(bench, [&](Machine& machine) {
        auto regs = machine.cpu().regs();
        regs.rflags |= machine::rflags_if;  // else there is no shadow of STI (SDM volume 3, 26.3.1.5)
        machine.cpu().set_regs(regs);
        auto events = machine.cpu().events();
        events.interrupt.shadow = shadow;
        events.flags |= KVM_VCPUEVENT_VALID_SHADOW;
        machine.cpu().set_events(events);
        machine.land(event);
    }));
}

void mov_ss(machine::Code& k) { k.bytes({0x8e, 0xd0}); }  // mov ss, eax

/// POPF sets TF in front of `instruction`, whose name is `name`.
std::string tf_over(Bench& bench, const char* name, void (*instruction)(machine::Code&)) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, 0, clear_pushed_tf);
    k.mov(k.rbx, RecordingGuest::scratch);
    k.mov(k.dword[k.rbx + 4], GATECRASH_KERNEL_SS);  // with the 0 in front of it, what LSS loads
    k.mov(k.eax, GATECRASH_KERNEL_SS);
    k.pushfq();
    k.or_(k.qword[k.rsp], static_cast<std::uint32_t>(machine::rflags_tf));
    k.popfq();
    instruction(k);
    guest.place(std::string("behind the ") + name);
    k.nop();
    guest.place(std::string("one instruction behind the ") + name);
    k.nop();
    k.cli();
    guest.end();
    return guest.tell(guest.run(bench), cause);
}

}  // namespace

std::string sti_shadow(Bench& bench) {
    return irq_before_sti_and(bench, "one instruction behind the STI", [](machine::Code& k) { k.nop(); });
}

std::string sti_with_if_set(Bench& bench) {
    return irq_before_sti_and(bench, "behind the second STI", [](machine::Code& k) { k.sti(); });
}

std::string sti_then_mov_ss(Bench& bench) { return irq_before_sti_and(bench, "behind the MOV SS", mov_ss); }

std::string nmi_in_sti_shadow(Bench& bench) { return event_in_shadow(bench, Event::nmi(), KVM_X86_SHADOW_INT_STI); }

std::string nmi_in_mov_ss_shadow(Bench& bench) {
    return event_in_shadow(bench, Event::nmi(), KVM_X86_SHADOW_INT_MOV_SS);
}

std::string shadow_over_entry(Bench& bench) { return event_in_shadow(bench, Event::irq(), KVM_X86_SHADOW_INT_STI); }

std::string tf_over_sti(Bench& bench) {
    return tf_over(bench, "STI", [](machine::Code& k) { k.sti(); });
}

std::string tf_over_mov_ss(Bench& bench) { return tf_over(bench, "MOV SS", mov_ss); }

std::string tf_over_lss(Bench& bench) {
    return tf_over(bench, "LSS", [](machine::Code& k) { k.bytes({0x0f, 0xb2, 0x33}); });  // lss esi, [rbx]
}

std::string code_breakpoint_behind_mov_ss(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    Xbyak::Label target;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, set_pushed_rf);
    guest.set_debug_register(0, target);
    guest.set_debug_register(7, dr7_execute);
    k.mov(k.eax, GATECRASH_KERNEL_SS);
    mov_ss(k);
    k.L(target);
    guest.place("behind the MOV SS");
    k.nop();
    guest.disarm(dr7_execute);
    guest.end();
    return guest.tell(guest.run(bench), cause);
}

std::string mov_ss_then_fault(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    guest.on(vector_ud, 0, [&](machine::Code&) {
        guest.disarm(dr7_access_of_two_bytes);
        guest.end();
    });
    k.mov(k.rbx, RecordingGuest::scratch);
    k.mov(k.word[k.rbx], GATECRASH_KERNEL_SS);
    guest.set_debug_register(0, RecordingGuest::scratch);
    guest.set_debug_register(7, dr7_access_of_two_bytes);
    k.bytes({0x8e, 0x13});  // mov ss, [rbx]
    guest.place("behind the MOV SS");
    k.ud2();
    return guest.tell(guest.run(bench));
}

}  // namespace gatecrash::qualify
