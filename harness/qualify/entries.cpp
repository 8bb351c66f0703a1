#include "qualify/measurements.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

using vm::Code;
using Xbyak::Label;

constexpr std::uint8_t vector = 0x40;

}  // namespace

Answer int3(Bench& bench) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_BP);
    code.kernel.int3();
    code.place(after(Mark::int3));
    code.end();
    return code.tell(code.run(bench));
}

Answer software_interrupt(Bench& bench) {
    RecordingCode code;
    code.on(vector);
    code.kernel.int_(vector);
    code.place(after(Mark::int_n));
    code.end();
    return code.tell(code.run(bench));
}

Answer iret_to_user(Bench& bench) {
    RecordingCode code;
    code.on(vector, 0, ring_end);
    code.enter_user();
    code.user.int_(vector);
    code.user_place(after(Mark::int_n));
    return code.tell(code.run(bench), [](const Record& record) {
        constexpr std::uint64_t frame_words = 5;
        auto details = selectors(record);
        details.rsp = record.rsp == RecordingCode::user_stack ? Value(Known::loaded_by_iret) : Value(record.rsp);
        details.stack = record.frame == RecordingCode::stack(0) - frame_words * 8 ? Stack::rsp0 : Stack::another;
        return details;
    });
}

Answer syscall_sysret(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    auto& u = code.user;
    Label start, entry;
    code.on(vector, 0, ring_end);
    k.jmp(start);
    k.L(entry);
    code.place(at(Mark::own_entry));
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
    code.user_place(after(Mark::syscall));
    u.int_(vector);
    code.user_place(after(Mark::int_n));

    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    const auto word = [&](unsigned index) { return RecordingCode::scratch_word(guest, index); };
    const auto cs = word(0), ss = word(1), rcx = word(2), r11 = word(3), flags = word(4);
    const auto has_if = [](std::uint64_t rflags) { return (rflags & vm::rflags_if) != 0; };
    const Answer arrival{cs == 0 ? Observation(Statement::syscall_never_arrives)
                                 : SyscallArrival{{cs, ss}, code.place_of(rcx), has_if(r11), has_if(flags)}};
    const bool returned = account.ended_well() && account.records.size() == 1 && account.records[0].vector == vector;
    if (!returned) return then(arrival, code.tell(account, selectors));
    const auto& user = account.records[0];
    return then(arrival, {SysretArrival{{user.cs, user.ss}, has_if(user.rflags)}});
}

Answer sysenter_64(Bench& bench) {
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
    code.user_place(at(Mark::sysenter));
    code.user.sysenter();

    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    const auto cs = RecordingCode::scratch_word(guest, 0), ss = RecordingCode::scratch_word(guest, 1);
    return cs == 0 ? code.tell(account) : Answer{Arrival{.selectors = Selectors{cs, ss}}};
}

Answer swapgs(Bench& bench) {
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
    if (now == kernel_base && other == user_base) return {Statement::bases_exchanged};
    return {GsBases{now, other}};
}

Answer lsl(Bench& bench) {
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
    return {SegmentLimit{found, RecordingCode::scratch_word(guest, 0)}};
}

Answer rdtscp(Bench& bench) {
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
    return {Reading{Register::rcx, RecordingCode::scratch_word(guest, 0)}};
}

Answer smap(Bench& bench) {
    constexpr std::uint32_t cr4_smap = 1U << 21;
    RecordingCode code;
    auto& k = code.kernel;
    Label next;
    code.on(GATECRASH_VECTOR_PF, 0, [](Code& c) { c.mov(c.qword[c.rsp + RecordingCode::frame_rip], c.r15); });
    code.on(GATECRASH_VECTOR_GP, 0, ring_end);  // a CPU without SMAP raises it
    k.lea(k.r15, k.ptr[k.rip + next]);
    k.mov_rax_cr4();
    k.or_(k.eax, cr4_smap);
    code.place(at(Mark::mov_to_cr4));
    k.mov_cr4_rax();
    k.mov(k.rbx, RecordingCode::user_stack - 8);
    k.bytes({0x0f, 0x01, 0xcb});  // stac
    code.place(at(Mark::read_with_ac));
    k.mov(k.rax, k.qword[k.rbx]);
    k.bytes({0x0f, 0x01, 0xca});  // clac
    code.place(at(Mark::read_without_ac));
    k.mov(k.rax, k.qword[k.rbx]);
    k.L(next);
    code.end();
    return code.tell(code.run(bench), error_code);
}

Answer doorbell_from_user(Bench& bench) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_GP, 0, ring_end);
    code.enter_user();
    code.user.doorbell(GATECRASH_PORT_BEGIN);
    code.user_place(at(Mark::other_port));
    code.user.doorbell(GATECRASH_PORT_LAST + 1);

    Answer rings{Statement::doorbell_never_rings};
    const auto account = code.run(bench, [&](vm::Guest& guest) { rings = {DoorbellRings{guest.cpl()}}; });
    return then(rings, code.tell(account));
}

Answer page_fault_error_code(Bench& bench) {
    constexpr std::uint64_t absent = GATECRASH_KERNEL_BASE + GATECRASH_STACKS, of_kernel = RecordingCode::data;
    RecordingCode code;
    auto& k = code.kernel;
    auto& u = code.user;
    Label behind_write, behind_read;
    code.on(GATECRASH_VECTOR_PF, 0, [](Code& c) { c.mov(c.qword[c.rsp + RecordingCode::frame_rip], c.r15); });
    k.lea(k.r15, k.ptr[k.rip + behind_write]);
    k.mov(k.rbx, absent);
    code.place(at(Mark::write));
    k.mov(k.qword[k.rbx], k.rbx);
    k.L(behind_write);
    code.enter_user();
    u.lea(u.r15, u.ptr[u.rip + behind_read]);
    u.mov(u.rbx, of_kernel);
    code.user_place(at(Mark::read));
    u.mov(u.rax, u.qword[u.rbx]);
    u.L(behind_read);
    ring_end(u);
    return code.tell(code.run(bench), [](const Record& record) {
        const bool cr2_ok = record.cr2 == ((record.cs & 3) != 0 ? of_kernel : absent);
        return Details{.cpl = record.cs & 3,
                       .error = record.error,
                       .cr2 = cr2_ok ? Value(Known::right_address) : Value(record.cr2)};
    });
}

}  // namespace gatecrash::qualify
