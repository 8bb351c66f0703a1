#include <fmt/format.h>

#include "facts.hpp"
#include "recording_guest.hpp"

namespace gatecrash::qualify {
namespace {

constexpr std::uint8_t leaving_vector = 0x40;
constexpr std::uint64_t dr6_bs = 0x4000, dr7_gd = 0x2000;

std::string resume_flag(const Record& record) {
    return (record.rflags & machine::rflags_rf) != 0 ? ", RF set" : ", RF clear";
}

/// Returns to user code, whose first instruction has a breakpoint, with RF set in what is loaded.
std::string return_with_rf(Bench& bench, void (*to_user)(RecordingGuest&)) {
    RecordingGuest guest;
    guest.on(GATECRASH_VECTOR_DB, 0, set_pushed_rf);
    guest.on(leaving_vector, 0, [&](machine::Code&) {
        guest.disarm(dr7_execute);
        guest.end();
    });
    guest.set_debug_register(0, RecordingGuest::user_text);
    guest.set_debug_register(7, dr7_execute);
    to_user(guest);
    guest.user_place("at the breakpoint");
    guest.user.nop();
    guest.user.int_(leaving_vector);
    guest.user_place("behind the INT");
    return guest.tell(guest.run(bench));
}

}  // namespace

std::string rf_in_fault_frames(Bench& bench) {
    constexpr std::uint64_t absent = GATECRASH_KERNEL_BASE + GATECRASH_STACKS;
    RecordingGuest guest;
    auto& k = guest.kernel;
    Xbyak::Label behind;
    guest.on(vector_ud, 0, [](machine::Code& c) {
        constexpr int length_of_ud2 = 2;
        c.add(c.qword[c.rsp + RecordingGuest::frame_rip], length_of_ud2);
    });
    guest.on(GATECRASH_VECTOR_PF, 0,
             [](machine::Code& c) { c.mov(c.qword[c.rsp + RecordingGuest::frame_rip], c.r15); });
    guest.place("at the UD2");
    k.ud2();
    k.lea(k.r15, k.ptr[k.rip + behind]);
    k.mov(k.rbx, absent);
    guest.place("at the read");
    k.mov(k.rax, k.qword[k.rbx]);
    k.L(behind);
    guest.end();
    return guest.tell(guest.run(bench), resume_flag);
}

std::string rf_in_trap_frames(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_BP);
    guest.on(GATECRASH_DEFAULT_IRQ);
    k.int3();
    guest.place("behind the INT3");
    k.push(machine::rflags_if | 2);
    k.popfq();
    k.doorbell(GATECRASH_PORT_BEGIN);
    guest.place("behind the doorbell");
    k.nop();
    k.cli();
    guest.end();
    return guest.tell(guest.run(bench, [](machine::Machine& machine) { machine.land(machine::Event::irq()); }),
                      resume_flag);
}

std::string rf_in_software_interrupt_frame(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_BP, 0, set_pushed_rf);
    k.int3();
    guest.place("behind the first INT3");
    k.int3();  // with RF set
    guest.place("behind the second INT3");
    guest.end();
    return guest.tell(guest.run(bench), resume_flag);
}

std::string rf_in_breakpoint_frame(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    Xbyak::Label target;
    guest.on(GATECRASH_VECTOR_DB, 0, set_pushed_rf);
    guest.set_debug_register(0, target);
    guest.set_debug_register(7, dr7_execute);
    k.mov(k.ecx, 2);
    k.L(target);
    guest.place("at the instruction");
    k.nop();
    k.dec(k.ecx);
    k.jnz(target);
    guest.disarm(dr7_execute);
    guest.end();
    return guest.tell(guest.run(bench), resume_flag);
}

std::string rf_over_syscall(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    Xbyak::Label start, entry;
    k.jmp(start);
    k.L(entry);
    k.mov(k.rbx, RecordingGuest::scratch);
    k.mov(k.qword[k.rbx], k.r11);
    guest.end();
    k.L(start);
    guest.enable_syscall(entry, 0);
    guest.enter_user(machine::rflags_rf | 2);
    guest.user.syscall();
    auto& machine = guest.boot(bench);
    const auto account = RecordingGuest::run(machine);
    if (!account.uneventful()) return guest.tell(account);
    const auto r11 = RecordingGuest::scratch_word(machine, 0);
    return (r11 & machine::rflags_rf) != 0 ? "R11 has RF" : "R11 has no RF";
}

std::string iret_loads_rf(Bench& bench) {
    return return_with_rf(bench, [](RecordingGuest& guest) { guest.enter_user(machine::rflags_rf | 2); });
}

std::string sysret_clears_rf(Bench& bench) {
    return return_with_rf(bench, [](RecordingGuest& guest) {
        auto& k = guest.kernel;
        guest.write_msr(msr_star, std::uint64_t{GATECRASH_USER32_CS} << 48);
        k.mov(k.rcx, RecordingGuest::user_text);
        k.mov(k.r11, static_cast<std::uint32_t>(machine::rflags_rf | 2));
        k.mov(k.rsp, RecordingGuest::user_stack);
        k.sysretq();
    });
}

std::string dr6_sticky(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    k.mov(k.rbx, RecordingGuest::scratch);
    guest.set_debug_register(6, dr6_bs);
    guest.set_debug_register(0, RecordingGuest::scratch);
    guest.set_debug_register(7, dr7_write_of_eight_bytes);
    k.mov(k.qword[k.rbx], k.rax);
    guest.place("behind the write");
    guest.disarm(dr7_write_of_eight_bytes);
    guest.end();
    return guest.tell(guest.run(bench), cause);
}

std::string dr6_at_rest(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.set_debug_register(6, std::uint64_t{0});
    k.bytes({0x0f, 0x21, 0xf0});  // mov rax, dr6
    k.mov(k.rbx, RecordingGuest::scratch);
    k.mov(k.qword[k.rbx], k.rax);
    guest.end();
    auto& machine = guest.boot(bench);
    const auto account = RecordingGuest::run(machine);
    if (!account.uneventful()) return guest.tell(account);
    return fmt::format("DR6 {:#x}", RecordingGuest::scratch_word(machine, 0));
}

std::string dr6_of_int1(Bench& bench) {
    RecordingGuest guest;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB);
    guest.on(vector_ud, 0, ring_end);
    guest.place("at the INT1");
    guest.kernel.bytes({0xf1});
    guest.place("behind the INT1");
    guest.end();
    return guest.tell(guest.run(bench), cause);
}

std::string dr7_gd_clears_itself(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, [](machine::Code& c) {
        constexpr int length_of_mov = 3;
        c.add(c.qword[c.rsp + RecordingGuest::frame_rip], length_of_mov);
        c.bytes({0x0f, 0x21, 0xf8});  // mov rax, dr7
        c.mov(c.rbx, RecordingGuest::scratch);
        c.mov(c.qword[c.rbx], c.rax);
    });
    guest.set_debug_register(7, dr7_gd);
    guest.place("at the MOV from DR0");
    k.bytes({0x0f, 0x21, 0xc0});  // mov rax, dr0
    guest.end();
    auto& machine = guest.boot(bench);
    const auto account = RecordingGuest::run(machine);
    const bool gd = (RecordingGuest::scratch_word(machine, 0) & dr7_gd) != 0;
    return guest.tell(account, cause) + (gd ? "; GD set in the handler" : "; GD clear in the handler");
}

std::string step_and_breakpoint_in_one(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_DB, GATECRASH_IST_DB, clear_pushed_tf);
    k.mov(k.rbx, RecordingGuest::scratch);
    guest.set_debug_register(0, RecordingGuest::scratch);
    guest.set_debug_register(7, dr7_write_of_eight_bytes);
    k.pushfq();
    k.or_(k.qword[k.rsp], static_cast<std::uint32_t>(machine::rflags_tf));
    k.popfq();
    k.mov(k.qword[k.rbx], k.rax);
    guest.place("behind the write");
    k.nop();
    guest.disarm(dr7_write_of_eight_bytes);
    guest.end();
    return guest.tell(guest.run(bench), cause);
}

std::string dr4_and_dr5(Bench& bench) {
    constexpr std::uint64_t dr7_le = 0x500;  // with the bit that is always set
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(vector_ud, 0, ring_end);
    k.mov(k.rbx, RecordingGuest::scratch);
    guest.place("at the MOV to DR4");
    guest.set_debug_register(4, dr6_bs);
    guest.set_debug_register(5, dr7_le);
    k.bytes({0x0f, 0x21, 0xf0});  // mov rax, dr6
    k.mov(k.qword[k.rbx], k.rax);
    k.bytes({0x0f, 0x21, 0xf8});  // mov rax, dr7
    k.mov(k.qword[k.rbx + 8], k.rax);
    guest.end();
    auto& machine = guest.boot(bench);
    const auto account = RecordingGuest::run(machine);
    if (!account.uneventful()) return guest.tell(account);
    const auto is = [](bool same, const char* yes) { return same ? std::string(yes) : std::string("another"); };
    return fmt::format("DR4 is {}, DR5 is {}", is((RecordingGuest::scratch_word(machine, 0) & dr6_bs) != 0, "DR6"),
                       is(RecordingGuest::scratch_word(machine, 1) == dr7_le, "DR7"));
}

std::string dr4_with_debugging_extensions(Bench& bench) {
    constexpr int cr4_de = 8;
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(vector_ud, 0, ring_end);
    k.bytes({0x0f, 0x20, 0xe0});  // mov rax, cr4
    k.or_(k.rax, cr4_de);
    k.bytes({0x0f, 0x22, 0xe0});  // mov cr4, rax
    guest.place("at the MOV from DR4");
    k.bytes({0x0f, 0x21, 0xe0});  // mov rax, dr4
    guest.end();
    return guest.tell(guest.run(bench));
}

}  // namespace gatecrash::qualify
