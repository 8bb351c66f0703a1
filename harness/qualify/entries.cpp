#include <fmt/format.h>

#include "qualify/measurements.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

using vm::Code;
using Xbyak::Label;

constexpr std::uint8_t vector = 0x40;

}  // namespace

std::string int3(Bench& bench) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_BP);
    code.kernel.int3();
    code.place("behind the INT3");
    code.end();
    return code.tell(code.run(bench));
}

std::string software_interrupt(Bench& bench) {
    RecordingCode code;
    code.on(vector);
    code.kernel.int_(vector);
    code.place("behind the INT");
    code.end();
    return code.tell(code.run(bench));
}

std::string iret_to_user(Bench& bench) {
    RecordingCode code;
    code.on(vector, 0, ring_end);
    code.enter_user();
    code.user.int_(vector);
    code.user_place("behind the INT");
    return code.tell(code.run(bench), [](const Record& record) {
        constexpr std::uint64_t frame_words = 5;
        return fmt::format(
            ", {}, RSP {}, on {}", cs_and_ss(record.cs, record.ss),
            record.rsp == RecordingCode::user_stack ? "as IRET loaded it" : fmt::format("{:#x}", record.rsp),
            record.frame == RecordingCode::stack(0) - frame_words * 8 ? "the stack of RSP0" : "another stack");
    });
}

std::string syscall_sysret(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    auto& u = code.user;
    Label start, entry;
    code.on(vector, 0, ring_end);
    k.jmp(start);
    k.L(entry);
    code.place("at its entry");
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.word[k.rbx], k.cs);
    k.mov(k.word[k.rbx + 8], k.ss);
    k.mov(k.qword[k.rbx + 16], k.rcx);
    k.mov(k.qword[k.rbx + 24], k.r11);
    k.pushfq();
    k.pop(k.qword[k.rbx + 32]);
    k.sysretq();
    k.L(start);
    code.enable_syscall(entry, vm::rflags_if);
    code.enter_user(vm::rflags_if | 2);
    u.syscall();
    code.user_place("behind the SYSCALL");
    u.int_(vector);
    code.user_place("behind the INT");

    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    const auto word = [&](unsigned index) { return RecordingCode::scratch_word(guest, index); };
    const auto cs = word(0), ss = word(1), rcx = word(2), r11 = word(3), flags = word(4);
    const auto interrupts = [](std::uint64_t rflags) { return (rflags & vm::rflags_if) != 0 ? "IF on" : "IF off"; };
    const auto arrival = cs == 0 ? "SYSCALL never arrives"
                                 : fmt::format("SYSCALL with {}, RCX {}, R11 {}, {}", cs_and_ss(cs, ss),
                                               code.name_of(rcx), interrupts(r11), interrupts(flags));
    const bool returned = account.ended_well() && account.records.size() == 1 && account.records[0].vector == vector;
    if (!returned) {
        const auto selectors = [](const Record& record) { return ", " + cs_and_ss(record.cs, record.ss); };
        return arrival + ", then " + code.tell(account, selectors);
    }
    const auto& user = account.records[0];
    return fmt::format("{}; SYSRET with {}, {}", arrival, cs_and_ss(user.cs, user.ss), interrupts(user.rflags));
}

std::string sysenter_64(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    Label entry;
    code.on(vector_ud, 0, ring_end);
    code.enable_sysenter(entry);
    code.enter_user();
    k.L(entry);
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.word[k.rbx], k.cs);
    k.mov(k.word[k.rbx + 8], k.ss);
    code.end();
    code.user_place("at the SYSENTER");
    code.user.sysenter();

    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    const auto cs = RecordingCode::scratch_word(guest, 0), ss = RecordingCode::scratch_word(guest, 1);
    return cs == 0 ? code.tell(account) : "arrives with " + cs_and_ss(cs, ss);
}

std::string swapgs(Bench& bench) {
    constexpr std::uint64_t user_base = 0x500000, kernel_base = 0xffffffff80041000;
    RecordingCode code;
    auto& k = code.kernel;
    code.write_msr(msr_gs_base, user_base);
    code.write_msr(msr_kernel_gs_base, kernel_base);
    k.swapgs();
    code.end();
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (!account.uneventful()) return code.tell(account);
    const std::uint64_t now = guest.cpu().sregs().gs.base, other = guest.kernel_gs_base();
    if (now == kernel_base && other == user_base) return "the two bases are exchanged";
    return fmt::format("GS base {:#x}, KERNEL_GS_BASE {:#x}", now, other);
}

std::string lsl(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.eax, GATECRASH_KERNEL_SS);
    k.db(0x0f), k.db(0x03), k.db(0xc8);  // lsl ecx, eax
    k.setz(k.byte[k.rbx + 8]);
    k.mov(k.dword[k.rbx], k.ecx);
    code.end();
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (!account.uneventful()) return code.tell(account);
    const bool found = RecordingCode::scratch_word(guest, 1) != 0;
    return fmt::format("ZF {}, limit {:#x}", found ? "set" : "clear", RecordingCode::scratch_word(guest, 0));
}

std::string rdtscp(Bench& bench) {
    constexpr std::uint32_t msr_tsc_aux = 0xc0000103, number = 0x1234;
    RecordingCode code;
    auto& k = code.kernel;
    code.write_msr(msr_tsc_aux, number);
    k.xor_(k.ecx, k.ecx);
    k.bytes({0x0f, 0x01, 0xf9});  // rdtscp
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.qword[k.rbx], k.rcx);
    code.end();
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (!account.uneventful()) return code.tell(account);
    return fmt::format("RCX {:#x}", RecordingCode::scratch_word(guest, 0));
}

std::string smap(Bench& bench) {
    constexpr std::uint32_t cr4_smap = 1U << 21;
    RecordingCode code;
    auto& k = code.kernel;
    Label behind;
    code.on(GATECRASH_VECTOR_PF, 0, [](Code& c) { c.mov(c.qword[c.rsp + RecordingCode::frame_rip], c.r15); });
    code.on(GATECRASH_VECTOR_GP, 0, ring_end);  // of a CPU without it
    k.lea(k.r15, k.ptr[k.rip + behind]);
    k.bytes({0x0f, 0x20, 0xe0});  // mov rax, cr4
    k.or_(k.eax, cr4_smap);
    code.place("at the MOV to CR4");
    k.bytes({0x0f, 0x22, 0xe0});  // mov cr4, rax
    k.mov(k.rbx, RecordingCode::user_stack - 8);
    k.bytes({0x0f, 0x01, 0xcb});  // stac
    code.place("at the read with AC");
    k.mov(k.rax, k.qword[k.rbx]);
    k.bytes({0x0f, 0x01, 0xca});  // clac
    code.place("at the read without AC");
    k.mov(k.rax, k.qword[k.rbx]);
    k.L(behind);
    code.end();
    return code.tell(code.run(bench), [](const Record& record) { return fmt::format(", error {:#x}", record.error); });
}

std::string doorbell_from_user(Bench& bench) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_GP, 0, ring_end);
    code.enter_user();
    code.user.doorbell(GATECRASH_PORT_BEGIN);
    code.user_place("at the OUT to another port");
    code.user.doorbell(GATECRASH_PORT_LAST + 1);

    std::string rang = "the doorbell never rings";
    const auto account =
        code.run(bench, [&](vm::Guest& guest) { rang = fmt::format("the doorbell rings at CPL {}", guest.cpl()); });
    return rang + ", then " + code.tell(account);
}

std::string page_fault_error_code(Bench& bench) {
    constexpr std::uint64_t absent = GATECRASH_KERNEL_BASE + GATECRASH_STACKS, of_kernel = RecordingCode::data;
    RecordingCode code;
    auto& k = code.kernel;
    auto& u = code.user;
    Label behind_write, behind_read;
    code.on(GATECRASH_VECTOR_PF, 0, [](Code& c) { c.mov(c.qword[c.rsp + RecordingCode::frame_rip], c.r15); });
    k.lea(k.r15, k.ptr[k.rip + behind_write]);
    k.mov(k.rbx, absent);
    code.place("at the write");
    k.mov(k.qword[k.rbx], k.rbx);
    k.L(behind_write);
    code.enter_user();
    u.lea(u.r15, u.ptr[u.rip + behind_read]);
    u.mov(u.rbx, of_kernel);
    code.user_place("at the read");
    u.mov(u.rax, u.qword[u.rbx]);
    u.L(behind_read);
    ring_end(u);
    return code.tell(code.run(bench), [](const Record& record) {
        const bool cr2_ok = record.cr2 == ((record.cs & 3) != 0 ? of_kernel : absent);
        return fmt::format(", CPL {}, error {:#x}, CR2 {}", record.cs & 3, record.error,
                           cr2_ok ? "right" : fmt::format("{:#x}", record.cr2));
    });
}

}  // namespace gatecrash::qualify
