#include "qualify/measurements.hpp"
#include "qualify/recording_code.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::qualify {
namespace {

using Xbyak::Label;

}  // namespace

Answer tf_step(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_DB, 0, clear_pushed_tf);
    k.pushfq();
    k.or_(k.qword[k.rsp], static_cast<std::uint32_t>(vm::rflags_tf));
    k.popfq();
    code.place(after(Mark::popf));
    k.nop();
    code.place(after(Mark::popf, 1));
    k.nop();
    code.end();
    return code.tell(code.run(bench), cause);
}

Answer tf_over_syscall(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    Label start, entry;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, clear_pushed_tf);
    k.jmp(start);
    k.L(entry);
    code.place(at(Mark::syscall_entry));
    k.nop();
    code.place(after(Mark::syscall_entry, 1));
    code.end();
    k.L(start);
    code.enable_syscall(entry, vm::rflags_if);  // TF is not in FMASK, so TF stays
    code.enter_user(vm::rflags_tf | 2);
    code.user.syscall();
    code.user_place(after(Mark::syscall));
    return code.tell(code.run(bench), cause);
}

Answer data_breakpoint(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    k.mov(k.rbx, RecordingCode::scratch);
    code.set_debug_register(0, RecordingCode::scratch);
    code.set_debug_register(7, dr7_write_of_eight_bytes);
    k.mov(k.rax, k.qword[k.rbx]);
    code.place(after(Mark::read));
    k.mov(k.qword[k.rbx], k.rax);
    code.place(after(Mark::write));
    k.nop();
    code.disarm(dr7_write_of_eight_bytes);
    code.end();
    return code.tell(code.run(bench), cause);
}

/// The handler has no IST stack, so the frame of the second #DB is below the first one, where nothing is watched. Does
/// not measure below another hypervisor: QEMU's TCG (7.2 to 11.1) aborts if a delivery meets a watchpoint, with
/// everything that runs in it.
Answer nested_data_breakpoint(Bench& bench) {
    if (vm::is_below_hypervisor()) return {Statement::unmeasured_below_hypervisor};
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_DB, 0, [&code](Code&) { code.disarm(dr7_write_of_eight_bytes); });
    constexpr std::uint64_t frame_end = vm::GuestCode::kernel_stack - 256;
    k.mov(k.rsp, frame_end);
    code.set_debug_register(0, frame_end - sizeof(std::uint64_t));
    code.set_debug_register(7, dr7_write_of_eight_bytes);
    k.db(0xf1);  // INT1
    code.place(after(Mark::int1));
    code.end();
    return code.tell(code.run(bench));
}

Answer breakpoint_from_outside(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.rax, k.qword[k.rbx]);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.mov(k.qword[k.rbx], k.rax);
    code.place(after(Mark::write));
    k.nop();
    code.end();
    int begins = 0;
    const auto arm = [&](vm::Guest& guest) {
        if (++begins == 1) guest.land(vm::Event::watch(RecordingCode::scratch));
    };
    return code.tell(code.run(bench, arm), cause);
}

Answer code_breakpoint(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    Label target;
    code.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, set_pushed_rf);
    code.set_debug_register(0, target);
    code.set_debug_register(7, dr7_execute);
    k.nop();
    k.L(target);
    code.place(at(Mark::instruction));
    k.inc(k.rcx);
    code.place(after(Mark::instruction));
    code.disarm(dr7_execute);
    code.end();
    return code.tell(code.run(bench), cause);
}

Answer guest_debug_sw_breakpoint(Bench& bench) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_BP);
    code.place(at(Mark::int3));
    code.kernel.int3();
    code.place(after(Mark::int3));
    code.end();
    auto& guest = code.boot(bench);
    guest.cpu().set_guest_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP);
    const auto exit = run_to_exit(guest);
    guest.cpu().set_guest_debug(0);
    if (const auto* debug = std::get_if<kvm::DebugExit>(&exit)) {
        return {DebugStop{debug->exception, code.place_of(debug->pc)}};
    }
    const bool delivered = guest.memory().read<std::uint64_t>(vm::Virtual{RecordingCode::data}).value_or(0) != 0;
    if (delivered) return {Statement::own_handler_entered};
    return {Unforeseen{kvm::describe(exit)}};
}

}  // namespace gatecrash::qualify
