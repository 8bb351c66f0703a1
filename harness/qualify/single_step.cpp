#include "qualify/facts.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

constexpr std::uint8_t any_vector = 0x40;

void clear_tf_and_end(vm::Code& k) {
    clear_pushed_tf(k);
    ring_end(k);
}

/// User code with TF set executes SYSCALL.
std::string stepped_syscall(Bench& bench, std::uint64_t fmask) {
    RecordingCode guest;
    auto& k = guest.kernel;
    Xbyak::Label start, entry;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, clear_pushed_tf);
    k.jmp(start);
    k.L(entry);
    guest.place("at the SYSCALL entry");
    k.nop();
    guest.place("one instruction behind the SYSCALL entry");
    k.nop();
    guest.end();
    k.L(start);
    guest.enable_syscall(entry, fmask);
    guest.enter_user(vm::rflags_tf | 2);
    guest.user.syscall();
    return guest.tell(guest.run(bench), cause);
}

void place_user_code(RecordingCode& guest) {
    guest.user_place("at the first user instruction");
    guest.user.nop();
    guest.user_place("behind the first user instruction");
    guest.user.nop();
    guest.user.doorbell(GATECRASH_PORT_END);
}

}  // namespace

std::string tf_in_fmask(Bench& bench) { return stepped_syscall(bench, vm::rflags_tf | vm::rflags_if); }

std::string tf_over_sysret(Bench& bench) {
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

std::string tf_over_iret(Bench& bench) {
    RecordingCode guest;
    guest.on(GATECRASH_VECTOR_DB, 0, clear_tf_and_end);
    guest.enter_user(vm::rflags_tf | 2);
    place_user_code(guest);
    return guest.tell(guest.run(bench), cause);
}

/// The first use of the user's text exits: nested paging has to be told of that page.
std::string tf_over_an_exit(Bench& bench) {
    bench.discard();
    RecordingCode guest(RecordingCode::Pages::fresh);
    guest.on(GATECRASH_VECTOR_DB, 0, clear_tf_and_end);
    guest.enter_user(vm::rflags_tf | 2);
    place_user_code(guest);
    return guest.tell(guest.run(bench), cause);
}

std::string tf_over_int(Bench& bench) {
    RecordingCode guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, 0, clear_pushed_tf);
    guest.on(any_vector);
    k.pushfq();
    k.or_(k.qword[k.rsp], static_cast<std::uint32_t>(vm::rflags_tf));
    k.popfq();
    k.int_(any_vector);
    guest.place("behind the INT");
    k.nop();
    guest.place("one instruction behind the INT");
    k.nop();
    guest.end();
    return guest.tell(guest.run(bench));
}

std::string tf_over_sysenter(Bench& bench) {
    RecordingCode guest;
    auto& k = guest.kernel;
    Xbyak::Label start, entry;
    guest.on(GATECRASH_VECTOR_DB, 0, clear_tf_and_end);
    guest.on(vector_ud, 0, ring_end);
    k.jmp(start);
    k.L(entry);
    guest.place("at the SYSENTER entry");
    k.nop();
    guest.place("one instruction behind the SYSENTER entry");
    k.nop();
    guest.end();
    k.L(start);
    guest.enable_sysenter(entry);
    guest.enter_user(vm::rflags_tf | 2);
    guest.user_place("at the SYSENTER");
    guest.user.sysenter();
    return guest.tell(guest.run(bench), cause);
}

std::string tf_over_sysexit(Bench& bench) {
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
    guest.place("at the SYSEXIT");
    k.sysexitq();
    place_user_code(guest);
    return guest.tell(guest.run(bench), privilege);
}

std::string tf_with_btf(Bench& bench) {
    constexpr std::uint32_t msr_debugctl = 0x1d9;
    constexpr std::uint64_t btf = 2;
    RecordingCode guest;
    auto& k = guest.kernel;
    Xbyak::Label target;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, clear_pushed_tf);
    guest.on(GATECRASH_VECTOR_GP, 0, ring_end);
    guest.place("in the WRMSR");
    guest.write_msr(msr_debugctl, btf);
    k.pushfq();
    k.or_(k.qword[k.rsp], static_cast<std::uint32_t>(vm::rflags_tf));
    k.popfq();
    k.nop();
    guest.place("one instruction behind the POPF");
    k.jmp(target);
    k.nop();
    k.L(target);
    guest.place("at the branch's target");
    k.nop();
    guest.place("behind the branch's target");
    guest.write_msr(msr_debugctl, 0);
    guest.end();
    return guest.tell(guest.run(bench), cause);
}

}  // namespace gatecrash::qualify
