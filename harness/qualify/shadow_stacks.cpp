// Measures shadow stacks (SDM volume 1, 17.2). GuestCode has one for each stack, and one for user code.
#include "qualify/measurements.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

using vm::Code;
using Xbyak::Label;

constexpr std::uint8_t first_vector = 0x40, last_vector = 0x41;
constexpr unsigned ist_used = GATECRASH_IST_MC;
constexpr std::uint64_t busy_bit = 1;
constexpr std::uint64_t user_end = RecordingCode::user_shadow_stack;

bool is_offered(Bench& bench) { return bench.load_guest_to_step().cpu().has_shadow_stacks(); }
const Answer not_offered{Statement::no_shadow_stacks};

/// Stores at the scratch word `first`: SSP, then the token of `token`, then PL3_SSP. Only for CPL 0. Clobbers RAX, RBX,
/// RCX and RDX.
void store(Code& k, unsigned first, unsigned token) {
    k.xor_(k.eax, k.eax);
    k.rdsspq_rax();
    k.mov(k.rbx, RecordingCode::scratch + first * sizeof(std::uint64_t));
    k.mov(k.qword[k.rbx], k.rax);
    k.mov(k.rax, RecordingCode::shadow_stack(token));
    k.mov(k.rax, k.qword[k.rax]);
    k.mov(k.qword[k.rbx + 8], k.rax);
    k.mov(k.ecx, vm::msr_pl3_ssp);
    k.rdmsr();
    k.mov(k.dword[k.rbx + 16], k.eax);
    k.mov(k.dword[k.rbx + 20], k.edx);
}
constexpr unsigned words_stored = 3;

ShadowStackPointer pointer(std::uint64_t ssp) {
    constexpr std::uint64_t near = 0x100;
    const auto is_below = [&](std::uint64_t end) { return ssp <= end && end - ssp < near; };
    if (is_below(user_end)) return {ShadowStackOf::user, user_end - ssp};
    for (const auto& [of, number] : {std::pair(ShadowStackOf::pl0, 0U), std::pair(ShadowStackOf::ist, ist_used)}) {
        const auto token = RecordingCode::shadow_stack(number);
        if (is_below(token)) return {of, token - ssp};
    }
    return {ShadowStackOf::nobody, ssp};
}

/// Returns what store() stored.
ShadowStackSeen seen(vm::Guest& guest, unsigned first) {
    return {pointer(RecordingCode::scratch_word(guest, first)),
            (RecordingCode::scratch_word(guest, first + 1) & busy_bit) != 0};
}
ShadowStackSeen seen_with_pl3(vm::Guest& guest, unsigned first) {
    auto answer = seen(guest, first);
    answer.pl3_ssp = pointer(RecordingCode::scratch_word(guest, first + 2));
    return answer;
}

/// True if the token of `token` is busy now.
bool is_busy(vm::Guest& guest, unsigned token) {
    const auto value = guest.memory().read<std::uint64_t>(vm::Virtual{RecordingCode::shadow_stack(token)});
    return (value.value_or(0) & busy_bit) != 0;
}

}  // namespace

Answer shadow_stacks(Bench& bench) {
    if (!is_offered(bench)) return not_offered;
    RecordingCode code;
    auto& k = code.kernel;
    Label callee, elsewhere;
    code.on(GATECRASH_VECTOR_CP, 0, ring_end);
    code.enable_shadow_stacks();
    k.call(callee);
    k.L(elsewhere);
    code.end();
    k.L(callee);
    k.lea(k.rax, k.ptr[k.rip + elsewhere]);
    k.inc(k.rax);
    k.mov(k.qword[k.rsp], k.rax);
    code.place(at(Mark::short_return));
    k.ret();
    return code.tell(code.run(bench), error_code);
}

Answer shadow_stack_from_user(Bench& bench) {
    if (!is_offered(bench)) return not_offered;
    RecordingCode code;
    auto& u = code.user;
    Label callee;
    code.on(first_vector, 0, [](Code& k) { store(k, 0, 0); });
    code.on(last_vector, 0, [](Code& k) {
        k.mov(k.rbx, RecordingCode::scratch + words_stored * sizeof(std::uint64_t));
        k.mov(k.qword[k.rbx], k.r15);
    });
    code.enable_shadow_stacks();
    code.enter_user();
    u.call(callee);
    u.rdsspq_rax();
    u.mov(u.r15, u.rax);
    u.int_(last_vector);
    u.doorbell(GATECRASH_PORT_END);
    u.L(callee);
    u.doorbell(GATECRASH_PORT_BEGIN);  // these registers must survive an exit to the harness
    u.int_(first_vector);
    u.ret();
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (!account.ended_well()) return code.tell(account);
    const auto user_ssp = RecordingCode::scratch_word(guest, words_stored);
    return {seen_with_pl3(guest, 0), ShadowStackSeen{pointer(user_ssp), is_busy(guest, 0)}};
}

Answer shadow_stack_of_ist(Bench& bench) {
    if (!is_offered(bench)) return not_offered;
    RecordingCode code;
    auto& k = code.kernel;
    code.on(first_vector, ist_used, [](Code& c) { store(c, 0, ist_used); });
    code.enable_shadow_stacks();
    k.int_(first_vector);
    store(k, words_stored, ist_used);
    code.end();
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (!account.ended_well()) return code.tell(account);
    return {seen(guest, 0), seen(guest, words_stored)};
}

Answer busy_shadow_stack(Bench& bench) {
    if (!is_offered(bench)) return not_offered;
    RecordingCode code;
    code.on(GATECRASH_VECTOR_BP);
    code.on(GATECRASH_VECTOR_GP, 0, ring_end);
    code.on(GATECRASH_VECTOR_NMI, GATECRASH_IST_NMI, [&code](Code& k) {
        k.int3();  // its IRET unmasks NMIs
        code.place(after(Mark::int3));
        k.doorbell(GATECRASH_PORT_BEGIN);
        code.place(after(Mark::second_doorbell));
    });
    code.enable_shadow_stacks();
    code.kernel.doorbell(GATECRASH_PORT_BEGIN);
    code.place(after(Mark::first_doorbell));
    code.end();
    return code.tell(code.run(bench, [](vm::Guest& guest) { guest.land(vm::Event::nmi()); }));
}

Answer shadow_stack_of_iret(Bench& bench) {
    if (!is_offered(bench)) return not_offered;
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_CP, 0, ring_end);
    code.on(first_vector, 0, [&code](Code& c) {
        c.inc(c.qword[c.rsp + RecordingCode::frame_rip]);
        c.add(c.rsp, RecordingCode::frame_rip);
        code.place(at(Mark::iret));
        c.iretq();
    });
    code.enable_shadow_stacks();
    k.int_(first_vector);
    code.place(after(Mark::int_n));
    k.nop();
    code.end();
    return code.tell(code.run(bench), [](const Record& record) {
        return record.vector == GATECRASH_VECTOR_CP ? error_code(record) : Details();
    });
}

Answer ssp_over_syscall(Bench& bench) {
    if (!is_offered(bench)) return not_offered;
    RecordingCode code;
    auto& k = code.kernel;
    auto& u = code.user;
    Label start, entry, callee;
    code.on(last_vector, 0, [](Code& c) {
        c.mov(c.rbx, RecordingCode::scratch + 3 * words_stored * sizeof(std::uint64_t));
        c.mov(c.qword[c.rbx], c.r15);
        ring_end(c);
    });
    k.jmp(start, Code::T_NEAR);
    k.L(entry);
    k.mov(k.r8, k.rcx);
    store(k, 0, 0);
    k.setssbsy();
    store(k, words_stored, 0);
    k.mov(k.rax, RecordingCode::shadow_stack(0));
    k.clrssbsy_at_rax();
    store(k, 2 * words_stored, 0);
    k.mov(k.rcx, k.r8);
    k.sysretq();
    k.L(start);
    code.enable_syscall(entry, 0);
    code.enable_shadow_stacks();
    code.enter_user();
    u.call(callee);
    u.nop();  // a CALL of the next instruction pushes nothing on a shadow stack (SDM volume 2, CALL)
    u.L(callee);
    u.syscall();
    u.xor_(u.eax, u.eax);
    u.rdsspq_rax();
    u.mov(u.r15, u.rax);
    u.int_(last_vector);
    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (!account.ended_well()) return code.tell(account);
    return {seen_with_pl3(guest, 0), seen(guest, words_stored), seen(guest, 2 * words_stored),
            ShadowStackSeen{pointer(RecordingCode::scratch_word(guest, 3 * words_stored))}};
}

}  // namespace gatecrash::qualify
