#include "qualify/facts.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

using Leave = void (*)(RecordingCode&);

/// Leaves an NMI handler in which a second NMI waits, by `leave` instead of IRET. It goes to the instruction that the
/// first NMI interrupted. The handler of the INT3 after that instruction has an IRET.
Answer leave_nmi_handler_by(Bench& bench, Leave leave) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_BP);
    code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [&](vm::Code& c) {
        the_first_time(c, [&] {
            c.doorbell(GATECRASH_PORT_BEGIN);
            leave(code);
        });
    });
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::doorbell));
    k.nop();
    k.int3();
    code.place(after(Mark::int3));
    k.nop();
    code.end();
    return code.tell(code.run(bench, [](vm::Guest& guest) { guest.land(vm::Event::nmi()); }));
}

/// Emits code that sets RAX to the frame's RIP, and RSP to its value before the frame.
void drop_frame(vm::Code& k) {
    constexpr int frame_rsp = RecordingCode::frame_rflags + 8;
    k.mov(k.rax, k.qword[k.rsp + RecordingCode::frame_rip]);
    k.mov(k.rsp, k.qword[k.rsp + frame_rsp]);
}

}  // namespace

Answer ret_keeps_nmi_masked(Bench& bench) {
    return leave_nmi_handler_by(bench, [](RecordingCode& code) {
        auto& k = code.kernel;
        drop_frame(k);
        k.push(k.rax);
        k.pushfq();
        k.popfq();
        k.ret();
    });
}

Answer far_ret_keeps_nmi_masked(Bench& bench) {
    return leave_nmi_handler_by(bench, [](RecordingCode& code) {
        auto& k = code.kernel;
        drop_frame(k);
        k.push(GATECRASH_KERNEL_CS);
        k.push(k.rax);
        k.retfq();
    });
}

Answer sysret_keeps_nmi_masked(Bench& bench) {
    return leave_nmi_handler_by(bench, [](RecordingCode& code) {
        auto& k = code.kernel;
        auto& u = code.user;
        code.write_msr(msr_star, std::uint64_t{GATECRASH_USER32_CS} << 48);
        k.mov(k.rcx, RecordingCode::user_text);
        k.mov(k.r11, 2);
        k.mov(k.rsp, RecordingCode::user_stack);
        k.sysretq();
        code.user_place(at(Mark::start_of_user_mode));
        u.nop();
        u.int3();
        code.user_place(after(Mark::int3));
        u.nop();
        u.doorbell(GATECRASH_PORT_END);
    });
}

Answer inner_iret_unmasks_nmi(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_BP);
    code.on(GATECRASH_VECTOR_NMI, 0, [&](vm::Code& c) {  // has no stack of its own, so it can nest
        the_first_time(c, [&] {
            c.doorbell(GATECRASH_PORT_BEGIN);
            c.int3();
            code.place(after(Mark::int3_in_handler));
            c.nop();
        });
    });
    k.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::doorbell));
    k.nop();
    code.end();
    return code.tell(code.run(bench, [](vm::Guest& guest) { guest.land(vm::Event::nmi()); }));
}

Answer int_2_masks_no_nmi(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_NMI, 0, [&](vm::Code& c) {
        the_first_time(c, [&] {
            c.doorbell(GATECRASH_PORT_BEGIN);
            code.place(in(Mark::handler));
            c.nop();
        });
    });
    k.int_(GATECRASH_VECTOR_NMI);
    code.place(after(Mark::int_n));
    k.nop();
    code.end();
    return code.tell(code.run(bench, [](vm::Guest& guest) { guest.land(vm::Event::nmi()); }));
}

}  // namespace gatecrash::qualify
