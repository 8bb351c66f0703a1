// The steps of the 32-bit reference entry's bodies, and the checks that the entry did what it promises, for bodies.cpp.
// Each #ifndef holds a step. A defect's or a design's file replaces it by defining its name (README.md). Guest
// side, freestanding.
#pragma once

#include "reference32.hpp"

using gatecrash::Frame;

#define INLINED [[gnu::always_inline]] inline
#define READ(register, value) asm volatile("mov %%" register ", %0" : "=r"(value))
#define WRITE(register, value) asm volatile("mov %0, %%" register : : "r"(value) : "memory")

namespace {

INLINED void interrupts_on() { asm volatile("sti" : : : "memory"); }
INLINED void interrupts_off() { asm volatile("cli" : : : "memory"); }

INLINED bool is_from_vm86(const Frame* frame) { return (frame->eflags & RFLAGS_VM) != 0; }
INLINED bool is_from_user(const Frame* frame) { return (frame->cs & 3) == 3 || is_from_vm86(frame); }

/// Frames of CPL 3 go to the top of the task stack; from virtual-8086 mode they have four segments more.
INLINED bool is_at_top(const Frame* frame) {
    const auto end = reinterpret_cast<uint32_t>(frame + 1) + (is_from_vm86(frame) ? 16 : 0);
    return end == per_cpu[0];  // the top of the task stack; of the task that runs
}

INLINED bool is_on_task_stack(uint32_t esp) {
    return esp >= reinterpret_cast<uint32_t>(task_stack) && esp < reinterpret_cast<uint32_t>(task_stack_top);
}

/// A task's own stack, which what interrupts it goes on on.
INLINED bool is_on_stack_of_df([[maybe_unused]] uint32_t esp) {
#ifdef DF_BY_TASK
    return esp >= reinterpret_cast<uint32_t>(df_stack) && esp < reinterpret_cast<uint32_t>(df_stack_top);
#else
    return false;
#endif
}

/// Checks what the entry has done by now, whatever it interrupted.
INLINED void check_entry(const Frame* frame, bool moves_frame) {
    constexpr uint32_t cleared = RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC;
    uint32_t flags = 0, cr3 = 0, esp = 0;
    uint16_t fs = 0, ss = 0;
    asm volatile("pushfl; popl %0" : "=r"(flags));
    READ("cr3", cr3);
    READ("esp", esp);
    asm volatile("movw %%fs, %0" : "=r"(fs));
    asm volatile("movw %%ss, %0" : "=r"(ss));
    const auto vector = frame->vector;
    if (fs != GATECRASH_PER_CPU) log_broken(2, vector, frame, fs);
    if ((cr3 & GATECRASH_USER_ROOT) != 0) log_broken(3, vector, frame, cr3);
    if (ss != GATECRASH_KERNEL_SS) log_broken(4, vector, frame, ss);
    if (!is_on_task_stack(esp) && !is_on_stack_of_df(esp)) log_broken(4, vector, frame, esp);
    if (moves_frame && is_from_user(frame) && !is_at_top(frame))
        log_broken(4, vector, frame, reinterpret_cast<uint32_t>(frame));
    if ((flags & cleared) != 0) log_broken(11, vector, frame, flags);
    if (is_from_user(frame) && (frame->cs >> 16) != 0) log_broken(13, vector, frame, frame->cs);
}

/// An instruction of the exit that may fault since of what user code asked for, and where the exit goes on.
struct Fixup {
    const char *instruction, *fix;
};
extern "C" const char return_ds[], return_es[], return_fs[], return_gs[], return_iret[], return_espfix_iret[];
extern "C" const char fix_ds[], fix_es[], fix_fs[], fix_gs[], fix_iret[];
extern "C" const char sysenter_reads_argument[], fix_sysenter_argument[];
#ifndef FIXUPS_OF_IRET
#define FIXUPS_OF_IRET {return_iret, fix_iret}, {return_espfix_iret, fix_iret},
#endif
#ifndef FIXUPS_OF_ARGUMENT
#define FIXUPS_OF_ARGUMENT
#endif
constexpr Fixup fixups[] = {{return_ds, fix_ds},
                            {return_es, fix_es},
                            {return_fs, fix_fs},
                            {return_gs, fix_gs},
                            FIXUPS_OF_IRET FIXUPS_OF_ARGUMENT};

/// The upper half of CS has marks: EIP alone tells.
#ifndef may_be_fixed
INLINED bool may_be_fixed(const Frame*) { return true; }
#endif

INLINED bool fix(Frame* frame) {
    if (!may_be_fixed(frame)) return false;
    for (const auto& fixup : fixups) {
        if (frame->eip != reinterpret_cast<uint32_t>(fixup.instruction)) continue;
        frame->eip = reinterpret_cast<uint32_t>(fixup.fix);
        return true;
    }
    return false;
}

INLINED bool is_fault(uint32_t vector) {
    return vector == GATECRASH_VECTOR_UD || (vector >= GATECRASH_VECTOR_TS && vector <= GATECRASH_VECTOR_PF);
}

/// For what KVM emulates: text that both page-table roots map. On the emulated AMD machine KVM may decode it by those
/// of an earlier CR3 (docs/explanation/stepping.md).
#define EMULATED [[gnu::section(".entry.text"), gnu::noinline]]

EMULATED void clear_machine_check() { asm volatile("wrmsr" : : "c"(MSR_MCG_STATUS), "a"(0), "d"(0)); }

/// Reads DR6 and clears it, so that the next #DB's is its own (SDM volume 3, 17.2.3).
EMULATED uint32_t take_debug_status() {
    constexpr uint32_t nothing = 0xffff0ff0;
    uint32_t status = 0;
    READ("dr6", status);
    WRITE("dr6", nothing);
    return status;
}

extern "C" const char entry_sysenter[], sysenter_flags_are_clear[];

/// The user's TF is still set after SYSENTER: each instruction traps, up to the one that clears it.
#ifndef is_step_of_users_flag
INLINED bool is_step_of_users_flag(const Frame* frame) {
    return frame->eip >= reinterpret_cast<uint32_t>(entry_sysenter) &&
           frame->eip <= reinterpret_cast<uint32_t>(sysenter_flags_are_clear);
}
#endif

/// Any other step of the kernel is a mistake, and is stopped.
INLINED void stop_kernel_steps(Frame* frame, uint32_t debug_status) {
    constexpr uint32_t single_step = 0x4000;
    if ((debug_status & single_step) == 0 || is_from_user(frame) || is_step_of_users_flag(frame)) return;
    log_broken(8, frame->vector, frame, debug_status);
    frame->eflags &= ~uint32_t{RFLAGS_TF};
}

/// After this nothing happens in C before user code runs: interrupts stay off.
INLINED void exit_to_user() {
    while (exit_work != 0) {
        exit_work = 0;
        asm volatile("sti; nop; cli" : : : "memory");
    }
}

/// The C of NMIs does not nest, although an IRET in it unmasks them: the one that comes then has the outer one do
/// another round.
enum class NmiState : uint32_t { idle, executing, latched };
volatile NmiState nmi_state = NmiState::idle;
#ifndef is_nmi_body_running
INLINED bool is_nmi_body_running() { return nmi_state != NmiState::idle; }
#endif
INLINED void latch_nmi() { nmi_state = NmiState::latched; }
/// Latched becomes executing: another round. Executing becomes idle.
INLINED void next_nmi_state() { asm volatile("decl %0" : "+m"(nmi_state) : : "cc", "memory"); }

/// The address of a page fault that an NMI may have interrupted before it was read.
INLINED void give_cr2_back(uint32_t kept) {
    uint32_t now = 0;
    READ("cr2", now);
    if (now != kept) WRITE("cr2", kept);
}

#ifdef AUDITED_CALLS
constexpr uint32_t no_such_call = 0xffffffda;  // -ENOSYS

/// Begins something for each call; the way out has to end it.
INLINED void begin_call() { exit_work = 1; }
INLINED bool is_call(uint32_t number) { return number < AUDITED_CALLS; }
#ifndef refuse_call
INLINED void refuse_call(Frame* frame) { frame->eax = no_such_call; }
#endif
#else
INLINED void begin_call() {}
INLINED bool is_call(uint32_t) { return true; }
INLINED void refuse_call(Frame*) {}
#endif

/// Flags that SYSEXIT does not load, and that POPF must not load before it: they would trap in the kernel, or return to
/// another mode.
#ifndef flags_for_iret_only
constexpr uint32_t flags_for_iret_only = RFLAGS_TF | RFLAGS_RF | RFLAGS_NT | RFLAGS_VM;
#endif
INLINED bool may_sysexit(const Frame* frame) {
    return (frame->eflags & flags_for_iret_only) == 0 && (frame->eflags & RFLAGS_IF) != 0 &&
           frame->cs == GATECRASH_USER32_CS && frame->ss == GATECRASH_USER_SS;
}

}  // namespace
