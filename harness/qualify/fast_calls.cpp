#include <fmt/format.h>

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

/// An entry that keeps what it found in the scratch page: CS, SS, RCX and RFLAGS.
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

using Detail = std::string (*)(const RecordingCode&, vm::Guest&);

std::string arrival(const RecordingCode& /*guest*/, vm::Guest& guest) {
    return cs_and_ss(RecordingCode::scratch_word(guest, 0), RecordingCode::scratch_word(guest, 1));
}

/// User code in `cs` executes `instruction`; the kernel prepared its way by `enable`.
std::string call_kernel(Bench& bench, const char* name, unsigned cs, std::uint64_t rflags,
                        void (*enable)(RecordingCode&, const Label&), void (*instruction)(vm::Code&), Detail detail) {
    RecordingCode code;
    auto& k = code.kernel;
    Label start, entry;
    code.on(vector_ud, 0, ring_end);
    code.on(GATECRASH_VECTOR_GP, 0, ring_end);
    k.jmp(start);
    k.L(entry);
    emit_entry(code);
    k.L(start);
    // So that nothing exits between the entry and END: the CS that QEMU's SYSENTER loads is one that its VMRUN refuses.
    k.mov(k.rbx, RecordingCode::scratch);
    k.mov(k.qword[k.rbx], 0);
    enable(code, entry);
    code.enter_user(rflags, cs);
    code.user_place(std::string("at the ") + name);
    instruction(code.user);
    code.user_place(std::string("behind the ") + name);

    auto& guest = code.boot(bench);
    const auto account = RecordingCode::run(guest);
    if (!account.uneventful()) return code.tell(account);
    return "arrives with " + detail(code, guest);
}

void enable_sysenter(RecordingCode& code, const Label& entry) { code.enable_sysenter(entry); }
void emit_sysenter(vm::Code& u) { u.sysenter(); }

}  // namespace

std::string sysret_non_canonical(Bench& bench) {
    RecordingCode code;
    code.on(GATECRASH_VECTOR_GP, GATECRASH_IST_DF, ring_end);
    code.on(GATECRASH_VECTOR_PF, GATECRASH_IST_DF, ring_end);
    prepare_sysret(code, lowest_non_canonical, 2);
    code.place("at the SYSRET");
    code.kernel.sysretq();
    return code.tell(code.run(bench), privilege);
}

std::string sysret_rflags(Bench& bench) {
    constexpr std::uint64_t every_bit_but_tf = 0xffffffff & ~vm::rflags_tf;
    RecordingCode code;
    code.on(user_vector, 0, ring_end);
    prepare_sysret(code, RecordingCode::user_text, every_bit_but_tf);
    code.place("at the SYSRET");
    code.kernel.sysretq();
    code.user.int_(user_vector);
    code.user_place("behind the INT");
    return code.tell(code.run(bench),
                     [](const Record& record) { return fmt::format(", RFLAGS {:#x}", record.rflags); });
}

std::string sysret_ss_attributes(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(user_vector, 0, ring_end);
    code.on(vector_ss, 0, ring_end);
    code.on(GATECRASH_VECTOR_PF, 0, ring_end);  // of a stack that is taken for a 16-bit one
    k.xor_(k.eax, k.eax);
    k.mov(k.ss, k.eax);  // as it is in a handler that was entered from user mode
    prepare_sysret(code, RecordingCode::user_text, 2);
    k.sysretl();
    code.user_place("at the PUSH");
    code.user.push(code.user.rax);  // in compatibility mode the same byte pushes EAX
    code.user.int_(user_vector);
    code.user_place("behind the INT");
    return code.tell(code.run(bench));
}

std::string syscall_from_compatibility_mode(Bench& bench) {
    return call_kernel(
        bench, "SYSCALL", GATECRASH_USER32_CS, 2,
        [](RecordingCode& code, const Label& entry) {
            code.write_msr(msr_star, std::uint64_t{GATECRASH_KERNEL_CS} << 32);
            code.write_msr(msr_cstar, entry);
        },
        [](vm::Code& u) { u.syscall(); },
        [](const RecordingCode& code, vm::Guest& guest) {
            return arrival(code, guest) + ", RCX " + code.name_of(RecordingCode::scratch_word(guest, 2));
        });
}

std::string syscall_keeps_df(Bench& bench) {
    constexpr std::uint64_t df = 0x400;
    return call_kernel(
        bench, "SYSCALL", GATECRASH_USER_CS, df | 2,
        [](RecordingCode& code, const Label& entry) { code.enable_syscall(entry, 0); },
        [](vm::Code& u) { u.syscall(); },
        [](const RecordingCode&, vm::Guest& guest) {
            const bool is_set = (RecordingCode::scratch_word(guest, 3) & df) != 0;
            return std::string("DF ") + (is_set ? "set" : "clear");
        });
}

std::string sysenter_from_compatibility_mode(Bench& bench) {
    return call_kernel(bench, "SYSENTER", GATECRASH_USER32_CS, 2, enable_sysenter, emit_sysenter, arrival);
}

std::string sysenter_without_cs(Bench& bench) {
    return call_kernel(
        bench, "SYSENTER", GATECRASH_USER_CS, 2,
        [](RecordingCode& code, const Label& entry) {
            code.enable_sysenter(entry);
            code.write_msr(msr_sysenter_cs, 0);
        },
        emit_sysenter, arrival);
}

std::string sysenter_rflags(Bench& bench) {
    return call_kernel(bench, "SYSENTER", GATECRASH_USER_CS, many_flags, enable_sysenter, emit_sysenter,
                       [](const RecordingCode&, vm::Guest& guest) {
                           return fmt::format("RFLAGS {:#x}", RecordingCode::scratch_word(guest, 3));
                       });
}

std::string sysexit_to_64_bit(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(user_vector, 0, ring_end);
    code.on(vector_ud, 0, ring_end);
    code.write_msr(msr_sysenter_cs, GATECRASH_KERNEL_CS);
    k.mov(k.rdx, RecordingCode::user_text);
    k.mov(k.rcx, RecordingCode::user_stack);
    code.place("at the SYSEXIT");
    k.sysexitq();
    code.user.int_(user_vector);
    code.user_place("behind the INT");
    return code.tell(code.run(bench), [](const Record& record) {
        return ", " + cs_and_ss(record.cs, record.ss) +
               (record.rsp == RecordingCode::user_stack ? ", RSP from RCX" : fmt::format(", RSP {:#x}", record.rsp));
    });
}

std::string sysexit_non_canonical(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_GP, GATECRASH_IST_DF, ring_end);
    code.on(vector_ud, GATECRASH_IST_DF, ring_end);
    code.write_msr(msr_sysenter_cs, GATECRASH_KERNEL_CS);
    k.mov(k.rdx, lowest_non_canonical);
    k.mov(k.rcx, RecordingCode::user_stack);
    code.place("at the SYSEXIT");
    k.sysexitq();
    return code.tell(code.run(bench), privilege);
}

std::string lstar_non_canonical(Bench& bench) {
    RecordingCode code;
    auto& k = code.kernel;
    code.on(GATECRASH_VECTOR_GP, 0, ring_end);
    k.mov(k.ecx, msr_lstar);
    k.mov(k.eax, 0);
    k.mov(k.edx, static_cast<std::uint32_t>(lowest_non_canonical >> 32));
    code.place("at the WRMSR");
    k.wrmsr();
    code.end();
    return code.tell(code.run(bench));
}

namespace {

/// `guest`'s user code executes SYSENTER with `eflags`; at its entry `entry` is executed, then END is rung.
LegacyCode::End enter_by_sysenter(LegacyCode& code, Bench& bench, std::uint32_t eflags,
                                  const std::function<void()>& entry) {
    auto& k = code.kernel;
    Label start, target;
    k.jmp(start);
    k.L(target);
    code.place("at the SYSENTER entry");
    entry();
    code.end();
    k.L(start);
    code.enable_sysenter(target);
    code.touch(LegacyCode::user_text);
    code.enter_user(eflags);
    code.user_place("at the SYSENTER");
    code.user.sysenter();
    return code.run(bench);
}

}  // namespace

std::string sysenter_in_legacy_mode(Bench& bench) {
    LegacyCode code;
    const auto end = enter_by_sysenter(code, bench, 2, [&k = code.kernel] {
        k.mov(k.eax, k.cs);
        k.mov(k.ebx, k.ss);
    });
    if (!end.ended_well) return code.tell(end);
    return "arrives with " + cs_and_ss(end.regs.rax, end.regs.rbx);
}

std::string sysenter_rflags_in_legacy_mode(Bench& bench) {
    LegacyCode code;
    const auto end = enter_by_sysenter(code, bench, many_flags, [] {});
    if (!end.ended_well) return code.tell(end);
    return fmt::format("arrives with RFLAGS {:#x}", end.regs.rflags);
}

std::string tf_over_sysenter_in_legacy_mode(Bench& bench) {
    LegacyCode code;
    return code.tell(enter_by_sysenter(code, bench, vm::rflags_tf | 2, [&code] {
        code.kernel.nop();
        code.place("one instruction behind the SYSENTER entry");
        code.kernel.nop();
    }));
}

}  // namespace gatecrash::qualify
