#include <fmt/format.h>

#include "gatecrash/machine/stepper.hpp"
#include "measurements.hpp"
#include "recording_guest.hpp"

namespace gatecrash::qualify {
namespace {

using machine::Code;
using machine::Event;
using machine::Machine;

constexpr const char* behind_doorbell = "behind the doorbell";

/// At its first doorbell an NMI is to land. The handler rings once more, the first time that it is entered, and keeps
/// the number of records that there are before its IRET.
struct NestingGuest : RecordingGuest {
    NestingGuest() {
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

std::string nmi_delivery(Bench& bench) {
    RecordingGuest guest;
    guest.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI);
    guest.kernel.doorbell(GATECRASH_PORT_BEGIN);
    guest.place(behind_doorbell);
    guest.kernel.nop();
    guest.end();
    const auto account = guest.run(bench, [](Machine& machine) { machine.land(Event::nmi()); });
    return guest.tell(account, [](const Record& record) {
        constexpr std::uint64_t frame_words = 5;
        return record.frame == RecordingGuest::stack(GATECRASH_IST_NMI) - frame_words * 8 ? ", on the IST stack"
                                                                                          : ", on another stack";
    });
}

std::string nmi_mask_until_iret(Bench& bench) {
    NestingGuest guest;
    bool masked_in_handler = false;
    auto& machine = guest.boot(bench);
    const auto account = RecordingGuest::run(machine, [&, begins = 0](Machine& m) mutable {
        if (++begins == 2) masked_in_handler = m.cpu().events().nmi.masked != 0;
        m.land(Event::nmi());
    });
    if (!account.ended_well()) return guest.tell(account);
    const bool nested = RecordingGuest::scratch_word(machine, 0) != 1;
    const bool masked_at_end = machine.cpu().events().nmi.masked != 0;
    return fmt::format("{} in the handler, where a second one {}; {} behind the IRET",
                       masked_in_handler ? "masked" : "not masked", nested ? "does not wait" : "waits",
                       masked_at_end ? "still masked" : "unmasked");
}

std::string latched_nmi_after_iret(Bench& bench) {
    NestingGuest guest;
    return guest.tell(guest.run(bench, [](Machine& machine) { machine.land(Event::nmi()); }));
}

std::string nmi_mask_over_entry(Bench& bench) {
    RecordingGuest guest;
    guest.on(GATECRASH_VECTOR_DB);
    guest.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [](Code& k) { k.doorbell(GATECRASH_PORT_BEGIN); });
    guest.kernel.doorbell(GATECRASH_PORT_BEGIN);
    guest.place(behind_doorbell);
    guest.kernel.nop();
    guest.end();
    machine::Snapshot unmasked;
    return guest.tell(guest.run(bench, [&, begins = 0](Machine& machine) mutable {
        if (++begins == 1) unmasked = machine.snapshot();
        if (begins == 2) {
            // Not Machine::restore(), which sees to it by itself.
            machine.cpu().set_regs(unmasked.regs);
            machine.set_sregs(unmasked.sregs);
            machine.cpu().set_events(unmasked.events);
            machine.land(Event::db());  // the NMI waits for its delivery, and the CPU has to say when NMIs are unmasked
        }
        if (begins <= 2) machine.land(Event::nmi());
    }));
}

std::string second_nmi_dropped(Bench& bench) {
    NestingGuest guest;
    // Not Machine::land(), which sees to it by itself.
    const auto account = guest.run(bench, [begins = 0](Machine& machine) mutable {
        const int landing = ++begins == 1 ? 1 : 3;
        for (int i = 0; i < landing; ++i) machine.cpu().nmi();
    });
    if (!account.ended_well()) return guest.tell(account);
    return fmt::format("of three NMIs that land in the handler, {} delivered behind it", account.records.size() - 1);
}

/// The IRET is stepped, as sweeps do it: where the CPU has no virtual NMIs KVM steps over it itself, and in a free run
/// notices at whatever exit comes next that it has faulted.
std::string faulting_iret_unmasks_nmi(Bench& bench) {
    RecordingGuest guest;
    guest.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [&guest](Code& k) {
        the_first_time(k, [&] {
            k.doorbell(GATECRASH_PORT_BEGIN);
            constexpr int no_such_selector = 0x78;
            k.mov(k.qword[k.rsp + RecordingGuest::frame_cs], no_such_selector);
            k.add(k.rsp, RecordingGuest::frame_rip);
            guest.place("at the faulting IRET");
            k.iretq();
        });
    });
    guest.on(GATECRASH_VECTOR_GP, GATECRASH_IST_DB, [](Code& k) { k.doorbell(GATECRASH_PORT_END); });
    guest.kernel.doorbell(GATECRASH_PORT_BEGIN);
    guest.place(behind_doorbell);
    guest.kernel.nop();
    guest.end();
    return guest.tell(guest.run(bench, [begins = 0](Machine& machine) mutable {
        machine.land(Event::nmi());
        if (++begins == 1) return;
        constexpr int max_steps = 8;  // from BEGIN into the handler of #GP
        const auto stepper = machine::make_stop_byte_stepper(machine);
        stepper->enter();
        for (int steps = 0; steps < max_steps && machine.has_latched_nmi(); ++steps) (void)stepper->step();
        stepper->leave();
    }));
}

}  // namespace gatecrash::qualify
