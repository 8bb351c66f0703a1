#include "qualify/facts.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

constexpr std::uint8_t any_vector = 0x40;

void clear_tf_and_end(vm::Code& k) {
    clear_pushed_tf(k);
    ring_end(k);
}

/// Runs user code that executes SYSCALL with TF set.
Answer stepped_syscall(Bench& bench, std::uint64_t fmask) {
    RecordingCode guest;
    auto& k = guest.kernel;
    Xbyak::Label start, entry;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, clear_pushed_tf);
    k.jmp(start);
    k.L(entry);
    guest.place(at(Mark::syscall_entry));
    k.nop();
    guest.place(after(Mark::syscall_entry, 1));
    k.nop();
    guest.end();
    k.L(start);
    guest.enable_syscall(entry, fmask);
    guest.enter_user(vm::rflags_tf | 2);
    guest.user.syscall();
    return guest.tell(guest.run(bench), cause);
}

void place_user_code(RecordingCode& guest) {
    guest.user_place(at(Mark::first_user_instruction));
    guest.user.nop();
    guest.user_place(after(Mark::first_user_instruction));
    guest.user.nop();
    guest.user.doorbell(GATECRASH_PORT_END);
}

}  // namespace

Answer tf_in_fmask(Bench& bench) { return stepped_syscall(bench, vm::rflags_tf | vm::rflags_if); }

Answer tf_over_sysret(Bench& bench) {
    RecordingCode guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, 0, clear_tf_and_end);
    guest.write_msr(msr_star, std::uint64_t{GATECRASH_USER32_CS} << 48);
    k.mov(k.rcx, RecordingCode::user_text);
    k.mov(k.r11, static_cast<std::uint32_t>(vm::rflags_tf | 2));
    k.sysretq();
    place_user_code(guest);
    return guest.tell(guest.run(bench), cause);
}

Answer tf_over_iret(Bench& bench) {
    RecordingCode guest;
    guest.on(GATECRASH_VECTOR_DB, 0, clear_tf_and_end);
    guest.enter_user(vm::rflags_tf | 2);
    place_user_code(guest);
    return guest.tell(guest.run(bench), cause);
}

/// Uses a new machine, where the first use of the user's text exits: nested paging does not have that page yet.
Answer tf_over_an_exit(Bench& bench) {
    bench.discard();
    RecordingCode guest(RecordingCode::Pages::fresh);
    guest.on(GATECRASH_VECTOR_DB, 0, clear_tf_and_end);
    guest.enter_user(vm::rflags_tf | 2);
    place_user_code(guest);
    return guest.tell(guest.run(bench), cause);
}

Answer tf_over_int(Bench& bench) {
    RecordingCode guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, 0, clear_pushed_tf);
    guest.on(any_vector);
    k.pushfq();
    k.or_(k.qword[k.rsp], static_cast<std::uint32_t>(vm::rflags_tf));
    k.popfq();
    k.int_(any_vector);
    guest.place(after(Mark::int_n));
    k.nop();
    guest.place(after(Mark::int_n, 1));
    k.nop();
    guest.end();
    return guest.tell(guest.run(bench));
}

Answer tf_over_sysenter(Bench& bench) {
    RecordingCode guest;
    auto& k = guest.kernel;
    Xbyak::Label start, entry;
    guest.on(GATECRASH_VECTOR_DB, 0, clear_tf_and_end);
    guest.on(vector_ud, 0, ring_end);
    k.jmp(start);
    k.L(entry);
    guest.place(at(Mark::sysenter_entry));
    k.nop();
    guest.place(after(Mark::sysenter_entry, 1));
    k.nop();
    guest.end();
    k.L(start);
    guest.enable_sysenter(entry);
    guest.enter_user(vm::rflags_tf | 2);
    guest.user_place(at(Mark::sysenter));
    guest.user.sysenter();
    return guest.tell(guest.run(bench), cause);
}

Answer tf_over_sysexit(Bench& bench) {
    RecordingCode guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, 0, clear_tf_and_end);
    guest.on(vector_ud, 0, ring_end);
    guest.write_msr(msr_sysenter_cs, GATECRASH_KERNEL_CS);
    k.mov(k.rdx, RecordingCode::user_text);
    k.mov(k.rcx, RecordingCode::user_stack);
    k.pushfq();
    k.or_(k.qword[k.rsp], static_cast<std::uint32_t>(vm::rflags_tf));
    k.popfq();
    guest.place(at(Mark::sysexit));
    k.sysexitq();
    place_user_code(guest);
    return guest.tell(guest.run(bench), privilege);
}

Answer tf_with_btf(Bench& bench) {
    constexpr std::uint32_t msr_debugctl = 0x1d9;
    constexpr std::uint64_t btf = 2;
    RecordingCode guest;
    auto& k = guest.kernel;
    Xbyak::Label target;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, clear_pushed_tf);
    guest.on(GATECRASH_VECTOR_GP, 0, ring_end);
    guest.place(in(Mark::wrmsr));
    guest.write_msr(msr_debugctl, btf);
    k.pushfq();
    k.or_(k.qword[k.rsp], static_cast<std::uint32_t>(vm::rflags_tf));
    k.popfq();
    k.nop();
    guest.place(after(Mark::popf, 1));
    k.jmp(target);
    k.nop();
    k.L(target);
    guest.place(at(Mark::branch_target));
    k.nop();
    guest.place(after(Mark::branch_target));
    guest.write_msr(msr_debugctl, 0);
    guest.end();
    return guest.tell(guest.run(bench), cause);
}

}  // namespace gatecrash::qualify
