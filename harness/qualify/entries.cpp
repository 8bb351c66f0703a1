#include <fmt/format.h>

#include "measurements.hpp"
#include "recording_guest.hpp"

namespace gatecrash::qualify {
namespace {

using machine::Code;
using Xbyak::Label;

constexpr std::uint8_t vector = 0x40;

}  // namespace

std::string int3(Bench& bench) {
    RecordingGuest guest;
    guest.on(GATECRASH_VECTOR_BP);
    guest.kernel.int3();
    guest.place("behind the INT3");
    guest.end();
    return guest.tell(guest.run(bench));
}

std::string software_interrupt(Bench& bench) {
    RecordingGuest guest;
    guest.on(vector);
    guest.kernel.int_(vector);
    guest.place("behind the INT");
    guest.end();
    return guest.tell(guest.run(bench));
}

std::string iret_to_user(Bench& bench) {
    RecordingGuest guest;
    guest.on(vector, 0, ring_end);
    guest.enter_user();
    guest.user.int_(vector);
    guest.user_place("behind the INT");
    return guest.tell(guest.run(bench), [](const Record& record) {
        constexpr std::uint64_t frame_words = 5;
        return fmt::format(
            ", {}, RSP {}, on {}", cs_and_ss(record.cs, record.ss),
            record.rsp == RecordingGuest::user_stack ? "as IRET loaded it" : fmt::format("{:#x}", record.rsp),
            record.frame == RecordingGuest::stack(0) - frame_words * 8 ? "the stack of RSP0" : "another stack");
    });
}

std::string syscall_sysret(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    auto& u = guest.user;
    Label start, entry;
    guest.on(vector, 0, ring_end);
    k.jmp(start);
    k.L(entry);
    guest.place("at its entry");
    k.mov(k.rbx, RecordingGuest::scratch);
    k.mov(k.word[k.rbx], k.cs);
    k.mov(k.word[k.rbx + 8], k.ss);
    k.mov(k.qword[k.rbx + 16], k.rcx);
    k.mov(k.qword[k.rbx + 24], k.r11);
    k.pushfq();
    k.pop(k.qword[k.rbx + 32]);
    k.sysretq();
    k.L(start);
    guest.enable_syscall(entry, machine::rflags_if);
    guest.enter_user(machine::rflags_if | 2);
    u.syscall();
    guest.user_place("behind the SYSCALL");
    u.int_(vector);
    guest.user_place("behind the INT");

    auto& machine = guest.boot(bench);
    const auto account = RecordingGuest::run(machine);
    const auto word = [&](unsigned index) { return RecordingGuest::scratch_word(machine, index); };
    const auto cs = word(0), ss = word(1), rcx = word(2), r11 = word(3), flags = word(4);
    const auto interrupts = [](std::uint64_t rflags) {
        return (rflags & machine::rflags_if) != 0 ? "IF on" : "IF off";
    };
    const auto arrival = cs == 0 ? "SYSCALL never arrives"
                                 : fmt::format("SYSCALL with {}, RCX {}, R11 {}, {}", cs_and_ss(cs, ss),
                                               guest.name_of(rcx), interrupts(r11), interrupts(flags));
    const bool returned = account.ended_well() && account.records.size() == 1 && account.records[0].vector == vector;
    if (!returned) {
        const auto selectors = [](const Record& record) { return ", " + cs_and_ss(record.cs, record.ss); };
        return arrival + ", then " + guest.tell(account, selectors);
    }
    const auto& user = account.records[0];
    return fmt::format("{}; SYSRET with {}, {}", arrival, cs_and_ss(user.cs, user.ss), interrupts(user.rflags));
}

std::string sysenter_64(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    Label entry;
    guest.on(vector_ud, 0, ring_end);
    guest.enable_sysenter(entry);
    guest.enter_user();
    k.L(entry);
    k.mov(k.rbx, RecordingGuest::scratch);
    k.mov(k.word[k.rbx], k.cs);
    k.mov(k.word[k.rbx + 8], k.ss);
    guest.end();
    guest.user_place("at the SYSENTER");
    guest.user.sysenter();

    auto& machine = guest.boot(bench);
    const auto account = RecordingGuest::run(machine);
    const auto cs = RecordingGuest::scratch_word(machine, 0), ss = RecordingGuest::scratch_word(machine, 1);
    return cs == 0 ? guest.tell(account) : "arrives with " + cs_and_ss(cs, ss);
}

std::string swapgs(Bench& bench) {
    constexpr std::uint64_t user_base = 0x500000, kernel_base = 0xffffffff80041000;
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.write_msr(msr_gs_base, user_base);
    guest.write_msr(msr_kernel_gs_base, kernel_base);
    k.swapgs();
    guest.end();
    auto& machine = guest.boot(bench);
    const auto account = RecordingGuest::run(machine);
    if (!account.uneventful()) return guest.tell(account);
    const std::uint64_t now = machine.cpu().sregs().gs.base, other = machine.kernel_gs_base();
    if (now == kernel_base && other == user_base) return "the two bases are exchanged";
    return fmt::format("GS base {:#x}, KERNEL_GS_BASE {:#x}", now, other);
}

std::string lsl(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    k.mov(k.rbx, RecordingGuest::scratch);
    k.mov(k.eax, GATECRASH_KERNEL_SS);
    k.db(0x0f), k.db(0x03), k.db(0xc8);  // lsl ecx, eax
    k.setz(k.byte[k.rbx + 8]);
    k.mov(k.dword[k.rbx], k.ecx);
    guest.end();
    auto& machine = guest.boot(bench);
    const auto account = RecordingGuest::run(machine);
    if (!account.uneventful()) return guest.tell(account);
    const bool found = RecordingGuest::scratch_word(machine, 1) != 0;
    return fmt::format("ZF {}, limit {:#x}", found ? "set" : "clear", RecordingGuest::scratch_word(machine, 0));
}

std::string rdtscp(Bench& bench) {
    constexpr std::uint32_t msr_tsc_aux = 0xc0000103, number = 0x1234;
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.write_msr(msr_tsc_aux, number);
    k.xor_(k.ecx, k.ecx);
    k.bytes({0x0f, 0x01, 0xf9});  // rdtscp
    k.mov(k.rbx, RecordingGuest::scratch);
    k.mov(k.qword[k.rbx], k.rcx);
    guest.end();
    auto& machine = guest.boot(bench);
    const auto account = RecordingGuest::run(machine);
    if (!account.uneventful()) return guest.tell(account);
    return fmt::format("RCX {:#x}", RecordingGuest::scratch_word(machine, 0));
}

std::string smap(Bench& bench) {
    constexpr std::uint32_t cr4_smap = 1U << 21;
    RecordingGuest guest;
    auto& k = guest.kernel;
    Label behind;
    guest.on(GATECRASH_VECTOR_PF, 0, [](Code& c) { c.mov(c.qword[c.rsp + RecordingGuest::frame_rip], c.r15); });
    guest.on(GATECRASH_VECTOR_GP, 0, ring_end);  // of a CPU without it
    k.lea(k.r15, k.ptr[k.rip + behind]);
    k.bytes({0x0f, 0x20, 0xe0});  // mov rax, cr4
    k.or_(k.eax, cr4_smap);
    guest.place("at the MOV to CR4");
    k.bytes({0x0f, 0x22, 0xe0});  // mov cr4, rax
    k.mov(k.rbx, RecordingGuest::user_stack - 8);
    k.bytes({0x0f, 0x01, 0xcb});  // stac
    guest.place("at the read with AC");
    k.mov(k.rax, k.qword[k.rbx]);
    k.bytes({0x0f, 0x01, 0xca});  // clac
    guest.place("at the read without AC");
    k.mov(k.rax, k.qword[k.rbx]);
    k.L(behind);
    guest.end();
    return guest.tell(guest.run(bench),
                      [](const Record& record) { return fmt::format(", error {:#x}", record.error); });
}

std::string doorbell_from_user(Bench& bench) {
    RecordingGuest guest;
    guest.on(GATECRASH_VECTOR_GP, 0, ring_end);
    guest.enter_user();
    guest.user.doorbell(GATECRASH_PORT_BEGIN);
    guest.user_place("at the OUT to another port");
    guest.user.doorbell(GATECRASH_PORT_LAST + 1);

    std::string rang = "the doorbell never rings";
    const auto account = guest.run(
        bench, [&](machine::Machine& machine) { rang = fmt::format("the doorbell rings at CPL {}", machine.cpl()); });
    return rang + ", then " + guest.tell(account);
}

std::string page_fault_error_code(Bench& bench) {
    constexpr std::uint64_t absent = GATECRASH_KERNEL_BASE + GATECRASH_STACKS, of_kernel = RecordingGuest::data;
    RecordingGuest guest;
    auto& k = guest.kernel;
    auto& u = guest.user;
    Label behind_write, behind_read;
    guest.on(GATECRASH_VECTOR_PF, 0, [](Code& c) { c.mov(c.qword[c.rsp + RecordingGuest::frame_rip], c.r15); });
    k.lea(k.r15, k.ptr[k.rip + behind_write]);
    k.mov(k.rbx, absent);
    guest.place("at the write");
    k.mov(k.qword[k.rbx], k.rbx);
    k.L(behind_write);
    guest.enter_user();
    u.lea(u.r15, u.ptr[u.rip + behind_read]);
    u.mov(u.rbx, of_kernel);
    guest.user_place("at the read");
    u.mov(u.rax, u.qword[u.rbx]);
    u.L(behind_read);
    ring_end(u);
    return guest.tell(guest.run(bench), [](const Record& record) {
        const bool cr2_ok = record.cr2 == ((record.cs & 3) != 0 ? of_kernel : absent);
        return fmt::format(", CPL {}, error {:#x}, CR2 {}", record.cs & 3, record.error,
                           cr2_ok ? "right" : fmt::format("{:#x}", record.cr2));
    });
}

}  // namespace gatecrash::qualify
