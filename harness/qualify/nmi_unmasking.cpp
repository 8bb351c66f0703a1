#include "facts.hpp"
#include "recording_guest.hpp"

namespace gatecrash::qualify {
namespace {

using Leave = void (*)(RecordingGuest&);

/// Leaves an NMI handler, in which a second NMI waits, for the instruction that the first one interrupted, but not by
/// IRET. An INT3 behind that has one.
std::string leave_nmi_handler_by(Bench& bench, Leave leave) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_BP);
    guest.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [&](machine::Code& c) {
        the_first_time(c, [&] {
            c.doorbell(GATECRASH_PORT_BEGIN);
            leave(guest);
        });
    });
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("behind the doorbell");
    k.nop();
    k.int3();
    guest.place("behind the INT3");
    k.nop();
    guest.end();
    return guest.tell(guest.run(bench, [](machine::Machine& machine) { machine.land(machine::Event::nmi()); }));
}

/// RAX becomes RIP of the frame, and RSP what it was before the frame.
void drop_frame(machine::Code& k) {
    constexpr int frame_rsp = RecordingGuest::frame_rflags + 8;
    k.mov(k.rax, k.qword[k.rsp + RecordingGuest::frame_rip]);
    k.mov(k.rsp, k.qword[k.rsp + frame_rsp]);
}

}  // namespace

std::string ret_keeps_nmi_masked(Bench& bench) {
    return leave_nmi_handler_by(bench, [](RecordingGuest& guest) {
        auto& k = guest.kernel;
        drop_frame(k);
        k.push(k.rax);
        k.pushfq();
        k.popfq();
        k.ret();
    });
}

std::string far_ret_keeps_nmi_masked(Bench& bench) {
    return leave_nmi_handler_by(bench, [](RecordingGuest& guest) {
        auto& k = guest.kernel;
        drop_frame(k);
        k.push(GATECRASH_KERNEL_CS);
        k.push(k.rax);
        k.retfq();
    });
}

std::string sysret_keeps_nmi_masked(Bench& bench) {
    return leave_nmi_handler_by(bench, [](RecordingGuest& guest) {
        auto& k = guest.kernel;
        auto& u = guest.user;
        guest.write_msr(msr_star, std::uint64_t{GATECRASH_USER32_CS} << 48);
        k.mov(k.rcx, RecordingGuest::user_text);
        k.mov(k.r11, 2);
        k.mov(k.rsp, RecordingGuest::user_stack);
        k.sysretq();
        guest.user_place("at the start of user mode");
        u.nop();
        u.int3();
        guest.user_place("behind the INT3");
        u.nop();
        u.doorbell(GATECRASH_PORT_END);
    });
}

std::string inner_iret_unmasks_nmi(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_BP);
    guest.on(GATECRASH_VECTOR_NMI, 0, [&](machine::Code& c) {  // on no stack of its own, so it can nest
        the_first_time(c, [&] {
            c.doorbell(GATECRASH_PORT_BEGIN);
            c.int3();
            guest.place("behind the INT3 in the handler");
            c.nop();
        });
    });
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("behind the doorbell");
    k.nop();
    guest.end();
    return guest.tell(guest.run(bench, [](machine::Machine& machine) { machine.land(machine::Event::nmi()); }));
}

std::string int_2_masks_no_nmi(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_NMI, 0, [&](machine::Code& c) {
        the_first_time(c, [&] {
            c.doorbell(GATECRASH_PORT_BEGIN);
            guest.place("in the handler");
            c.nop();
        });
    });
    k.int_(GATECRASH_VECTOR_NMI);
    guest.place("behind the INT");
    k.nop();
    guest.end();
    return guest.tell(guest.run(bench, [](machine::Machine& machine) { machine.land(machine::Event::nmi()); }));
}

}  // namespace gatecrash::qualify
