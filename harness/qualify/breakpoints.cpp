#include <fmt/format.h>

#include "measurements.hpp"
#include "recording_guest.hpp"

namespace gatecrash::qualify {
namespace {

using Xbyak::Label;

}  // namespace

std::string tf_step(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, 0, clear_pushed_tf);
    k.pushfq();
    k.or_(k.qword[k.rsp], static_cast<std::uint32_t>(machine::rflags_tf));
    k.popfq();
    guest.place("behind the POPF");
    k.nop();
    guest.place("one instruction behind the POPF");
    k.nop();
    guest.end();
    return guest.tell(guest.run(bench), cause);
}

std::string tf_over_syscall(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    Label start, entry;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, clear_pushed_tf);
    k.jmp(start);
    k.L(entry);
    guest.place("at the SYSCALL entry");
    k.nop();
    guest.place("one instruction behind the SYSCALL entry");
    guest.end();
    k.L(start);
    guest.enable_syscall(entry, machine::rflags_if);  // so TF stays
    guest.enter_user(machine::rflags_tf | 2);
    guest.user.syscall();
    guest.user_place("behind the SYSCALL");
    return guest.tell(guest.run(bench), cause);
}

std::string data_breakpoint(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    k.mov(k.rbx, RecordingGuest::scratch);
    guest.set_debug_register(0, RecordingGuest::scratch);
    guest.set_debug_register(7, dr7_write_of_eight_bytes);
    k.mov(k.rax, k.qword[k.rbx]);
    guest.place("behind the read");
    k.mov(k.qword[k.rbx], k.rax);
    guest.place("behind the write");
    k.nop();
    guest.disarm(dr7_write_of_eight_bytes);
    guest.end();
    return guest.tell(guest.run(bench), cause);
}

std::string breakpoint_from_outside(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    k.mov(k.rbx, RecordingGuest::scratch);
    k.mov(k.rax, k.qword[k.rbx]);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.doorbell(GATECRASH_PORT_BEGIN);
    k.mov(k.qword[k.rbx], k.rax);
    guest.place("behind the write");
    k.nop();
    guest.end();
    int begins = 0;
    const auto arm = [&](machine::Machine& machine) {
        if (++begins == 1) machine.land(machine::Event::watch(RecordingGuest::scratch));
    };
    return guest.tell(guest.run(bench, arm), cause);
}

std::string code_breakpoint(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    Label target;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, set_pushed_rf);
    guest.set_debug_register(0, target);
    guest.set_debug_register(7, dr7_execute);
    k.nop();
    k.L(target);
    guest.place("at the instruction");
    k.inc(k.rcx);
    guest.place("behind the instruction");
    guest.disarm(dr7_execute);
    guest.end();
    return guest.tell(guest.run(bench), cause);
}

std::string guest_debug_sw_breakpoint(Bench& bench) {
    RecordingGuest guest;
    guest.on(GATECRASH_VECTOR_BP);
    guest.place("at the INT3");
    guest.kernel.int3();
    guest.place("behind the INT3");
    guest.end();
    auto& machine = guest.boot(bench);
    machine.cpu().set_guest_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP);
    const auto exit = machine.run_once();
    machine.cpu().set_guest_debug(0);
    if (const auto* debug = std::get_if<kvm::DebugExit>(&exit)) {
        return fmt::format("KVM_EXIT_DEBUG of {} {}", vector_name(debug->exception), guest.name_of(debug->pc));
    }
    const bool delivered =
        machine.memory().read<std::uint64_t>(machine::Virtual{RecordingGuest::data}).value_or(0) != 0;
    return delivered ? "the guest's own handler is entered" : kvm::describe(exit);
}

}  // namespace gatecrash::qualify
