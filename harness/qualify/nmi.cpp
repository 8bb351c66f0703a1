#include "qualify/facts.hpp"
#include "qualify/measurements.hpp"
#include "qualify/recording_code.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::qualify {
namespace {

using vm::Code;
using vm::Event;
using vm::Guest;

constexpr auto behind_doorbell = after(Mark::doorbell);

/// A guest for an NMI that lands at its first doorbell. When the handler is entered for the first time, it rings once
/// more, and stores how many records there are before its IRET.
struct NestingCode : RecordingCode {
    NestingCode() {
        on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [](Code& k) {
            the_first_time(k, [&] {
                k.doorbell(GATECRASH_PORT_BEGIN);
                k.nop();
                k.mov(k.rax, k.qword[k.rbx]);
                k.mov(k.qword[k.rbx + static_cast<int>(scratch - data)], k.rax);
            });
        });
        kernel.doorbell(GATECRASH_PORT_BEGIN);
        place(behind_doorbell);
        kernel.nop();
        end();
    }
};

}  // namespace

Answer nmi_delivery(Bench& bench) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI);
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    code.place(behind_doorbell);
    code.kernel.nop();
    code.end();
    const auto account = code.run(bench, [](Guest& guest) { guest.land(Event::nmi()); });
    return code.tell(account, [](const Record& record) {
        constexpr std::uint64_t frame_words = 5;
        const auto top = RecordingCode::stack(GATECRASH_IST_NMI);
        return Details{.stack = record.frame == top - frame_words * 8 ? Stack::ist : Stack::another};
    });
}

Answer nmi_mask_until_iret(Bench& bench) {
    NestingCode code;
    bool masked_in_handler = false;
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest, [&, begins = 0](Guest& m) mutable {
        if (++begins == 2) masked_in_handler = m.cpu().events().nmi.masked != 0;
        m.land(Event::nmi());
    });
    if (!account.ended_well()) return code.tell(account);
    const bool nested = RecordingCode::scratch_word(guest, 0) != 1;
    const bool masked_at_end = guest.cpu().events().nmi.masked != 0;
    return {
        NmiMask{.masked_in_handler = masked_in_handler, .second_waits = !nested, .masked_after_iret = masked_at_end}};
}

Answer latched_nmi_after_iret(Bench& bench) {
    NestingCode code;
    return code.tell(code.run(bench, [](Guest& guest) { guest.land(Event::nmi()); }));
}

Answer nmi_mask_over_entry(Bench& bench) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_DB);
    code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [](Code& k) { k.doorbell(GATECRASH_PORT_BEGIN); });
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    code.place(behind_doorbell);
    code.kernel.nop();
    code.end();
    vm::Snapshot unmasked;
    return code.tell(code.run(bench, [&, begins = 0](Guest& guest) mutable {
        if (++begins == 1) unmasked = guest.snapshot();
        if (begins == 2) {
            // Does not use Guest::restore(), which unmasks NMIs by itself.
            guest.cpu().set_regs(unmasked.regs);
            guest.set_sregs(unmasked.sregs);
            guest.cpu().set_events(unmasked.events);
            guest.land(Event::db());  // the NMI must wait for the #DB, so the CPU has to say when NMIs are unmasked
        }
        if (begins <= 2) guest.land(Event::nmi());
    }));
}

Answer second_nmi_dropped(Bench& bench) {
    NestingCode code;
    // Does not use Guest::land(), which drops a second NMI by itself.
    const auto account = code.run(bench, [begins = 0](Guest& guest) mutable {
        const int landing = ++begins == 1 ? 1 : 3;
        for (int i = 0; i < landing; ++i) guest.cpu().nmi();
    });
    if (!account.ended_well()) return code.tell(account);
    return {NmisDelivered{account.records.size() - 1}};
}

namespace {

/// Lets the CPU see an NMI that it must latch, and drops it by KVM_SET_VCPU_EVENTS. Before the guest goes on, it is
/// back in the handler, where NMIs are masked, or before the NMI that entered the handler. An NMI that comes after all
/// is recorded second.
Account drop_latched_nmi(Bench& bench, bool masked) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [](Code& k) {
        k.doorbell(GATECRASH_PORT_BEGIN);
        k.nop();
        k.doorbell(GATECRASH_PORT_BEGIN);
    });
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    code.kernel.nop();
    code.end();
    vm::Snapshot target;
    return code.run(bench, [&, begins = 0](Guest& guest) mutable {
        ++begins;
        if (begins == (masked ? 2 : 1)) target = guest.snapshot();
        if (begins <= 2) guest.land(Event::nmi());
        if (begins != 3) return;
        // Does not use Guest::restore(), which drains latched NMIs by itself.
        auto& cpu = guest.cpu();
        cpu.set_regs(target.regs);
        guest.set_sregs(target.sregs);
        auto events = target.events;
        events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
        cpu.set_events(events);
    });
}

}  // namespace

Answer latched_nmi_dropped(Bench& bench) {
    const auto unmasked = drop_latched_nmi(bench, false), masked = drop_latched_nmi(bench, true);
    for (const auto& account : {unmasked, masked}) {
        if (!account.ended_well() || account.records.empty()) return {Ended{account.outcome}};
    }
    return {PhantomNmis{unmasked.records.size() - 1, masked.records.size() - 1}};
}

/// Steps the IRET, as sweeps do. If the CPU has no virtual NMIs, KVM steps over the IRET itself. In a free run KVM
/// would notice only at the next exit, whatever that is, that the IRET has faulted.
Answer faulting_iret_unmasks_nmi(Bench& bench) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [&code](Code& k) {
        the_first_time(k, [&] {
            k.doorbell(GATECRASH_PORT_BEGIN);
            constexpr int no_such_selector = 0x78;
            k.mov(k.qword[k.rsp + RecordingCode::frame_cs], no_such_selector);
            k.add(k.rsp, RecordingCode::frame_rip);
            code.place(at(Mark::faulting_iret));
            k.iretq();
        });
    });
    code.on(GATECRASH_VECTOR_GP, GATECRASH_IST_DB, [](Code& k) { k.doorbell(GATECRASH_PORT_END); });
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    code.place(behind_doorbell);
    code.kernel.nop();
    code.end();
    return code.tell(code.run(bench, [begins = 0](Guest& guest) mutable {
        guest.land(Event::nmi());
        if (++begins == 1) return;
        constexpr int max_steps = 8;  // enough from BEGIN into the handler of #GP
        const auto stepper = vm::make_stop_byte_stepper(guest);
        stepper->enter();
        for (int steps = 0; steps < max_steps && guest.has_latched_nmi(); ++steps) (void)stepper->step();
        stepper->leave();
    }));
}

}  // namespace gatecrash::qualify
