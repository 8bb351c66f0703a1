#include "qualify/facts.hpp"
#include "qualify/legacy_code.hpp"
#include "qualify/measurements.hpp"
#include "qualify/recording_code.hpp"

namespace gatecrash::qualify {
namespace {

using Xbyak::Label;

constexpr std::uint8_t user_vector = 0x40;
constexpr std::uint64_t lowest_non_canonical = std::uint64_t{1} << 47;

/// IF, DF, NT, AC and an IOPL of 3.
constexpr std::uint64_t many_flags = vm::rflags_if | 0x400 | 0x4000 | 0x40000 | 0x3000 | 2;

void prepare_sysret(RecordingCode& code, std::uint64_t rip, std::uint64_t rflags) {
    auto& k = code.kernel;
    code.write_msr(msr_star, std::uint64_t{GATECRASH_USER32_CS} << 48);
    k.mov(k.rcx, rip);
    k.mov(k.r11, rflags);
    k.mov(k.rsp, RecordingCode::user_stack);
}

/// Emits an entry that stores what it finds in the scratch page: CS, SS, RCX and RFLAGS.
void emit_entry(RecordingCode& code) {
    auto& k = code.kernel;
    k.pushfq();
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.word[k.rbx], k.cs);
    k.mov(k.word[k.rbx + 8], k.ss);
    k.mov(k.qword[k.rbx + 16], k.rcx);
    k.pop(k.qword[k.rbx + 24]);
    code.end();
}

/// Picks from the guest what a measurement looks at after a call reached its entry.
using Look = Arrival (*)(const RecordingCode&, vm::Guest&);

Arrival selectors_at_entry(const RecordingCode& /*guest*/, vm::Guest& guest) {
    return {.selectors = Selectors{RecordingCode::scratch_word(guest, 0), RecordingCode::scratch_word(guest, 1)}};
}

/// Runs user code in `cs` that executes `instruction`. Before that, `enable` has prepared this way into the kernel.
Answer call_kernel(Bench& bench, Mark mark, unsigned cs, std::uint64_t rflags,
                   void (*enable)(RecordingCode&, const Label&), void (*instruction)(vm::Code&), Look look) {
    RecordingCode code;
    auto& k = code.kernel;
    Label start, entry;
    code.on(vector_ud, 0, ring_end);
    code.on(GATECRASH_VECTOR_GP, 0, ring_end);
    k.jmp(start);
    k.L(entry);
    emit_entry(code);
    k.L(start);
    // Uses the scratch page once, so that nothing exits between the entry and END: QEMU's VMRUN refuses the CS that
    // QEMU's SYSENTER loads.
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.qword[k.rbx], 0);
    enable(code, entry);
    code.enter_user(rflags, cs);
    code.user_place(at(mark));
    instruction(code.user);
    code.user_place(after(mark));

    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (!account.uneventful()) return code.tell(account);
    return {look(code, guest)};
}

void enable_sysenter(RecordingCode& code, const Label& entry) { code.enable_sysenter(entry); }
void emit_sysenter(vm::Code& u) { u.sysenter(); }

}  // namespace

Answer sysret_non_canonical(Bench& bench) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_GP, GATECRASH_IST_DF, ring_end);
    code.on(GATECRASH_VECTOR_PF, GATECRASH_IST_DF, ring_end);
    prepare_sysret(code, lowest_non_canonical, 2);
    code.place(at(Mark::sysret));
    code.kernel.sysretq();
    return code.tell(code.run(bench), privilege);
}

Answer sysret_rflags(Bench& bench) {
    constexpr std::uint64_t every_bit_but_tf = 0xffffffff & ~vm::rflags_tf;
    RecordingCode code;
    code.on(user_vector, 0, ring_end);
    prepare_sysret(code, RecordingCode::user_text, every_bit_but_tf);
    code.place(at(Mark::sysret));
    code.kernel.sysretq();
    code.user.int_(user_vector);
    code.user_place(after(Mark::int_n));
    return code.tell(code.run(bench), [](const Record& record) { return Details{.rflags = record.rflags}; });
}

Answer sysret_ss_attributes(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(user_vector, 0, ring_end);
    code.on(vector_ss, 0, ring_end);
    code.on(GATECRASH_VECTOR_PF, 0, ring_end);  // if the CPU takes the stack for a 16-bit one
    k.xor_(k.eax, k.eax);
    k.mov(k.ss, k.eax);  // SS is NULL in a handler that was entered from user mode
    prepare_sysret(code, RecordingCode::user_text, 2);
    k.sysretl();
    code.user_place(at(Mark::push));
    code.user.push(code.user.rax);  // in compatibility mode the same byte pushes EAX
    code.user.int_(user_vector);
    code.user_place(after(Mark::int_n));
    return code.tell(code.run(bench));
}

Answer syscall_from_compatibility_mode(Bench& bench) {
    return call_kernel(
        bench, Mark::syscall, GATECRASH_USER32_CS, 2,
        [](RecordingCode& code, const Label& entry) {
            code.write_msr(msr_star, std::uint64_t{GATECRASH_KERNEL_CS} << 32);
            code.write_msr(msr_cstar, entry);
        },
        [](vm::Code& u) { u.syscall(); },
        [](const RecordingCode& code, vm::Guest& guest) {
            auto arrival = selectors_at_entry(code, guest);
            arrival.rcx = code.place_of(RecordingCode::scratch_word(guest, 2));
            return arrival;
        });
}

Answer syscall_keeps_df(Bench& bench) {
    constexpr std::uint64_t df = 0x400;
    return call_kernel(
        bench, Mark::syscall, GATECRASH_USER_CS, df | 2,
        [](RecordingCode& code, const Label& entry) { code.enable_syscall(entry, 0); },
        [](vm::Code& u) { u.syscall(); },
        [](const RecordingCode&, vm::Guest& guest) {
            return Arrival{.direction_flag = (RecordingCode::scratch_word(guest, 3) & df) != 0};
        });
}

Answer sysenter_from_compatibility_mode(Bench& bench) {
    return call_kernel(bench, Mark::sysenter, GATECRASH_USER32_CS, 2, enable_sysenter, emit_sysenter,
                       selectors_at_entry);
}

Answer sysenter_without_cs(Bench& bench) {
    return call_kernel(
        bench, Mark::sysenter, GATECRASH_USER_CS, 2,
        [](RecordingCode& code, const Label& entry) {
            code.enable_sysenter(entry);
            code.write_msr(msr_sysenter_cs, 0);
        },
        emit_sysenter, selectors_at_entry);
}

Answer sysenter_rflags(Bench& bench) {
    return call_kernel(bench, Mark::sysenter, GATECRASH_USER_CS, many_flags, enable_sysenter, emit_sysenter,
                       [](const RecordingCode&, vm::Guest& guest) {
                           return Arrival{.rflags = RecordingCode::scratch_word(guest, 3)};
                       });
}

Answer sysexit_to_64_bit(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(user_vector, 0, ring_end);
    code.on(vector_ud, 0, ring_end);
    code.write_msr(msr_sysenter_cs, GATECRASH_KERNEL_CS);
    k.mov(k.rdx, RecordingCode::user_text);
    k.mov(k.rcx, RecordingCode::user_stack);
    code.place(at(Mark::sysexit));
    k.sysexitq();
    code.user.int_(user_vector);
    code.user_place(after(Mark::int_n));
    return code.tell(code.run(bench), [](const Record& record) {
        auto details = selectors(record);
        details.rsp = record.rsp == RecordingCode::user_stack ? Value(Known::rcx) : Value(record.rsp);
        return details;
    });
}

Answer sysexit_non_canonical(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_GP, GATECRASH_IST_DF, ring_end);
    code.on(vector_ud, GATECRASH_IST_DF, ring_end);
    code.write_msr(msr_sysenter_cs, GATECRASH_KERNEL_CS);
    k.mov(k.rdx, lowest_non_canonical);
    k.mov(k.rcx, RecordingCode::user_stack);
    code.place(at(Mark::sysexit));
    k.sysexitq();
    return code.tell(code.run(bench), privilege);
}

Answer lstar_non_canonical(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_GP, 0, ring_end);
    k.mov(k.ecx, msr_lstar);
    k.mov(k.eax, 0);
    // With five levels of page tables, a CPU takes 57-bit addresses in MSRs, whatever CR4.LA57 is (SDM volume 2,
    // WRMSR).
    constexpr std::uint64_t never_canonical = std::uint64_t{1} << 56;
    k.mov(k.edx, static_cast<std::uint32_t>(never_canonical >> 32));
    code.place(at(Mark::wrmsr));
    k.wrmsr();
    code.end();
    return code.tell(code.run(bench));
}

namespace {

/// Runs user code that executes SYSENTER with `eflags`. At the entry `entry` executes, then END rings.
LegacyCode::End enter_by_sysenter(LegacyCode& code, Bench& bench, std::uint32_t eflags,
                                  const std::function<void()>& entry) {
    auto& k = code.kernel;
    Label start, target;
    k.jmp(start);
    k.L(target);
    code.place(at(Mark::sysenter_entry));
    entry();
    code.end();
    k.L(start);
    code.enable_sysenter(target);
    code.touch(LegacyCode::user_text);
    code.enter_user(eflags);
    code.user_place(at(Mark::sysenter));
    code.user.sysenter();
    return code.run(bench);
}

}  // namespace

Answer sysenter_in_legacy_mode(Bench& bench) {
    LegacyCode code;
    const auto end = enter_by_sysenter(code, bench, 2, [&k = code.kernel] {
        k.mov(k.eax, k.cs);
        k.mov(k.ebx, k.ss);
    });
    if (!end.ended_well) return code.tell(end);
    return {Arrival{.selectors = Selectors{end.regs.rax, end.regs.rbx}}};
}

Answer sysenter_rflags_in_legacy_mode(Bench& bench) {
    LegacyCode code;
    const auto end = enter_by_sysenter(code, bench, many_flags, [] {});
    if (!end.ended_well) return code.tell(end);
    return {Arrival{.rflags = end.regs.rflags}};
}

Answer tf_over_sysenter_in_legacy_mode(Bench& bench) {
    LegacyCode code;
    return code.tell(enter_by_sysenter(code, bench, vm::rflags_tf | 2, [&code] {
        code.kernel.nop();
        code.place(after(Mark::sysenter_entry, 1));
        code.kernel.nop();
    }));
}

}  // namespace gatecrash::qualify
