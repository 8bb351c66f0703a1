#include <fmt/format.h>

#include "facts.hpp"
#include "legacy_guest.hpp"
#include "measurements.hpp"
#include "recording_guest.hpp"

namespace gatecrash::qualify {
namespace {

using Xbyak::Label;

constexpr std::uint8_t user_vector = 0x40;
constexpr std::uint64_t lowest_non_canonical = std::uint64_t{1} << 47;

/// IF, DF, NT, AC and an IOPL of 3.
constexpr std::uint64_t many_flags = machine::rflags_if | 0x400 | 0x4000 | 0x40000 | 0x3000 | 2;

void prepare_sysret(RecordingGuest& guest, std::uint64_t rip, std::uint64_t rflags) {
    auto& k = guest.kernel;
    guest.write_msr(msr_star, std::uint64_t{GATECRASH_USER32_CS} << 48);
    k.mov(k.rcx, rip);
    k.mov(k.r11, rflags);
    k.mov(k.rsp, RecordingGuest::user_stack);
}

/// An entry that keeps what it found in the scratch page: CS, SS, RCX and RFLAGS.
void emit_entry(RecordingGuest& guest) {
    auto& k = guest.kernel;
    k.pushfq();
    k.mov(k.rbx, RecordingGuest::scratch);
    k.mov(k.word[k.rbx], k.cs);
    k.mov(k.word[k.rbx + 8], k.ss);
    k.mov(k.qword[k.rbx + 16], k.rcx);
    k.pop(k.qword[k.rbx + 24]);
    guest.end();
}

using Detail = std::string (*)(const RecordingGuest&, machine::Machine&);

std::string arrival(const RecordingGuest& /*guest*/, machine::Machine& machine) {
    return cs_and_ss(RecordingGuest::scratch_word(machine, 0), RecordingGuest::scratch_word(machine, 1));
}

/// User code in `cs` executes `instruction`; the kernel prepared its way by `enable`.
std::string call_kernel(Bench& bench, const char* name, unsigned cs, std::uint64_t rflags,
                        void (*enable)(RecordingGuest&, const Label&), void (*instruction)(machine::Code&),
                        Detail detail) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    Label start, entry;
    guest.on(vector_ud, 0, ring_end);
    guest.on(GATECRASH_VECTOR_GP, 0, ring_end);
    k.jmp(start);
    k.L(entry);
    emit_entry(guest);
    k.L(start);
    // So that nothing exits between the entry and END: the CS that QEMU's SYSENTER loads is one that its VMRUN refuses.
    k.mov(k.rbx, RecordingGuest::scratch);
    k.mov(k.qword[k.rbx], 0);
    enable(guest, entry);
    guest.enter_user(rflags, cs);
    guest.user_place(std::string("at the ") + name);
    instruction(guest.user);
    guest.user_place(std::string("behind the ") + name);

    auto& machine = guest.boot(bench);
    const auto account = RecordingGuest::run(machine);
    if (!account.uneventful()) return guest.tell(account);
    return "arrives with " + detail(guest, machine);
}

void enable_sysenter(RecordingGuest& guest, const Label& entry) { guest.enable_sysenter(entry); }
void emit_sysenter(machine::Code& u) { u.sysenter(); }

}  // namespace

std::string sysret_non_canonical(Bench& bench) {
    RecordingGuest guest;
    guest.on(GATECRASH_VECTOR_GP, GATECRASH_IST_DF, ring_end);
    guest.on(GATECRASH_VECTOR_PF, GATECRASH_IST_DF, ring_end);
    prepare_sysret(guest, lowest_non_canonical, 2);
    guest.place("at the SYSRET");
    guest.kernel.sysretq();
    return guest.tell(guest.run(bench), privilege);
}

std::string sysret_rflags(Bench& bench) {
    constexpr std::uint64_t every_bit_but_tf = 0xffffffff & ~machine::rflags_tf;
    RecordingGuest guest;
    guest.on(user_vector, 0, ring_end);
    prepare_sysret(guest, RecordingGuest::user_text, every_bit_but_tf);
    guest.place("at the SYSRET");
    guest.kernel.sysretq();
    guest.user.int_(user_vector);
    guest.user_place("behind the INT");
    return guest.tell(guest.run(bench),
                      [](const Record& record) { return fmt::format(", RFLAGS {:#x}", record.rflags); });
}

std::string sysret_ss_attributes(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(user_vector, 0, ring_end);
    guest.on(vector_ss, 0, ring_end);
    guest.on(GATECRASH_VECTOR_PF, 0, ring_end);  // of a stack that is taken for a 16-bit one
    k.xor_(k.eax, k.eax);
    k.mov(k.ss, k.eax);  // as it is in a handler that was entered from user mode
    prepare_sysret(guest, RecordingGuest::user_text, 2);
    k.sysretl();
    guest.user_place("at the PUSH");
    guest.user.push(guest.user.rax);  // in compatibility mode the same byte pushes EAX
    guest.user.int_(user_vector);
    guest.user_place("behind the INT");
    return guest.tell(guest.run(bench));
}

std::string syscall_from_compatibility_mode(Bench& bench) {
    return call_kernel(
        bench, "SYSCALL", GATECRASH_USER32_CS, 2,
        [](RecordingGuest& guest, const Label& entry) {
            guest.write_msr(msr_star, std::uint64_t{GATECRASH_KERNEL_CS} << 32);
            guest.write_msr(msr_cstar, entry);
        },
        [](machine::Code& u) { u.syscall(); },
        [](const RecordingGuest& guest, machine::Machine& machine) {
            return arrival(guest, machine) + ", RCX " + guest.name_of(RecordingGuest::scratch_word(machine, 2));
        });
}

std::string syscall_keeps_df(Bench& bench) {
    constexpr std::uint64_t df = 0x400;
    return call_kernel(
        bench, "SYSCALL", GATECRASH_USER_CS, df | 2,
        [](RecordingGuest& guest, const Label& entry) { guest.enable_syscall(entry, 0); },
        [](machine::Code& u) { u.syscall(); },
        [](const RecordingGuest&, machine::Machine& machine) {
            const bool is_set = (RecordingGuest::scratch_word(machine, 3) & df) != 0;
            return std::string("DF ") + (is_set ? "set" : "clear");
        });
}

std::string sysenter_from_compatibility_mode(Bench& bench) {
    return call_kernel(bench, "SYSENTER", GATECRASH_USER32_CS, 2, enable_sysenter, emit_sysenter, arrival);
}

std::string sysenter_without_cs(Bench& bench) {
    return call_kernel(
        bench, "SYSENTER", GATECRASH_USER_CS, 2,
        [](RecordingGuest& guest, const Label& entry) {
            guest.enable_sysenter(entry);
            guest.write_msr(msr_sysenter_cs, 0);
        },
        emit_sysenter, arrival);
}

std::string sysenter_rflags(Bench& bench) {
    return call_kernel(bench, "SYSENTER", GATECRASH_USER_CS, many_flags, enable_sysenter, emit_sysenter,
                       [](const RecordingGuest&, machine::Machine& machine) {
                           return fmt::format("RFLAGS {:#x}", RecordingGuest::scratch_word(machine, 3));
                       });
}

std::string sysexit_to_64_bit(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(user_vector, 0, ring_end);
    guest.on(vector_ud, 0, ring_end);
    guest.write_msr(msr_sysenter_cs, GATECRASH_KERNEL_CS);
    k.mov(k.rdx, RecordingGuest::user_text);
    k.mov(k.rcx, RecordingGuest::user_stack);
    guest.place("at the SYSEXIT");
    k.sysexitq();
    guest.user.int_(user_vector);
    guest.user_place("behind the INT");
    return guest.tell(guest.run(bench), [](const Record& record) {
        return ", " + cs_and_ss(record.cs, record.ss) +
               (record.rsp == RecordingGuest::user_stack ? ", RSP from RCX" : fmt::format(", RSP {:#x}", record.rsp));
    });
}

std::string sysexit_non_canonical(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_GP, GATECRASH_IST_DF, ring_end);
    guest.on(vector_ud, GATECRASH_IST_DF, ring_end);
    guest.write_msr(msr_sysenter_cs, GATECRASH_KERNEL_CS);
    k.mov(k.rdx, lowest_non_canonical);
    k.mov(k.rcx, RecordingGuest::user_stack);
    guest.place("at the SYSEXIT");
    k.sysexitq();
    return guest.tell(guest.run(bench), privilege);
}

std::string lstar_non_canonical(Bench& bench) {
    RecordingGuest guest;
    auto& k = guest.kernel;
    guest.on(GATECRASH_VECTOR_GP, 0, ring_end);
    k.mov(k.ecx, msr_lstar);
    k.mov(k.eax, 0);
    k.mov(k.edx, static_cast<std::uint32_t>(lowest_non_canonical >> 32));
    guest.place("at the WRMSR");
    k.wrmsr();
    guest.end();
    return guest.tell(guest.run(bench));
}

namespace {

/// `guest`'s user code executes SYSENTER with `eflags`; at its entry `entry` is executed, then END is rung.
LegacyGuest::End enter_by_sysenter(LegacyGuest& guest, Bench& bench, std::uint32_t eflags,
                                   const std::function<void()>& entry) {
    auto& k = guest.kernel;
    Label start, target;
    k.jmp(start);
    k.L(target);
    guest.place("at the SYSENTER entry");
    entry();
    guest.end();
    k.L(start);
    guest.enable_sysenter(target);
    guest.touch(LegacyGuest::user_text);
    guest.enter_user(eflags);
    guest.user_place("at the SYSENTER");
    guest.user.sysenter();
    return guest.run(bench);
}

}  // namespace

std::string sysenter_in_legacy_mode(Bench& bench) {
    LegacyGuest guest;
    const auto end = enter_by_sysenter(guest, bench, 2, [&k = guest.kernel] {
        k.mov(k.eax, k.cs);
        k.mov(k.ebx, k.ss);
    });
    if (!end.ended_well) return guest.tell(end);
    return "arrives with " + cs_and_ss(end.regs.rax, end.regs.rbx);
}

std::string sysenter_rflags_in_legacy_mode(Bench& bench) {
    LegacyGuest guest;
    const auto end = enter_by_sysenter(guest, bench, many_flags, [] {});
    if (!end.ended_well) return guest.tell(end);
    return fmt::format("arrives with RFLAGS {:#x}", end.regs.rflags);
}

std::string tf_over_sysenter_in_legacy_mode(Bench& bench) {
    LegacyGuest guest;
    return guest.tell(enter_by_sysenter(guest, bench, machine::rflags_tf | 2, [&guest] {
        guest.kernel.nop();
        guest.place("one instruction behind the SYSENTER entry");
        guest.kernel.nop();
    }));
}

}  // namespace gatecrash::qualify
