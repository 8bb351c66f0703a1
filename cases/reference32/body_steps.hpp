// The steps of the bodies of the 32-bit reference entry, and checks that the entry kept its promises, for bodies.cpp.
// Each #ifndef holds a step. A defect's or a design's file replaces it by defining its name (README.md). Guest side,
// freestanding.
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

/// Returns true if a frame from CPL 3 is at the top of the task stack. A frame from virtual-8086 mode has four more
/// words.
INLINED bool is_at_top(const Frame* frame) {
    const auto end = reinterpret_cast<uint32_t>(frame + 1) + (is_from_vm86(frame) ? 16 : 0);
    return end == per_cpu[0];  // the top of the current task's stack
}

INLINED bool is_on_task_stack(uint32_t esp) {
    return esp >= reinterpret_cast<uint32_t>(task_stack) && esp < reinterpret_cast<uint32_t>(task_stack_top);
}

/// Returns true if ESP is on the stack of the double fault's task, where handlers that interrupt that task stay.
INLINED bool is_on_stack_of_df([[maybe_unused]] uint32_t esp) {
#ifdef DF_BY_TASK
    return esp >= reinterpret_cast<uint32_t>(df_stack) && esp < reinterpret_cast<uint32_t>(df_stack_top);
#else
    return false;
#endif
}

/// Checks all promises that the entry must have kept by now, whatever it interrupted.
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

/// An instruction of the exit that may fault because of a user's request, and the place where the exit then continues.
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

/// Returns true for every frame: EIP alone identifies the instruction, since the upper half of CS may hold marks.
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

/// Puts functions with instructions that KVM emulates into text that both page-table roots map. On the emulated AMD
/// machine, KVM may decode them with the page tables of an earlier CR3 (docs/explanation/stepping.md).
#define EMULATED [[gnu::section(".entry.text"), gnu::noinline]]

EMULATED void clear_machine_check() { asm volatile("wrmsr" : : "c"(MSR_MCG_STATUS), "a"(0), "d"(0)); }

/// Returns DR6 and clears it, so that the next #DB finds only its own bits (SDM volume 3, 17.2.3).
EMULATED uint32_t take_debug_status() {
    constexpr uint32_t nothing = 0xffff0ff0;
    uint32_t status = 0;
    READ("dr6", status);
    WRITE("dr6", nothing);
    return status;
}

extern "C" const char entry_sysenter[], sysenter_flags_are_clear[];

/// Returns true if a trap belongs to the user's TF, which is still set after SYSENTER. Each instruction of the entry
/// traps, up to the one that clears TF.
#ifndef is_step_of_users_flag
INLINED bool is_step_of_users_flag(const Frame* frame) {
    return frame->eip >= reinterpret_cast<uint32_t>(entry_sysenter) &&
           frame->eip <= reinterpret_cast<uint32_t>(sysenter_flags_are_clear);
}
#endif

/// Reports any other single-step trap of the kernel as a mistake, and clears TF.
INLINED void stop_kernel_steps(Frame* frame, uint32_t debug_status) {
    constexpr uint32_t single_step = 0x4000;
    if ((debug_status & single_step) == 0 || is_from_user(frame) || is_step_of_users_flag(frame)) return;
    log_broken(8, frame->vector, frame, debug_status);
    frame->eflags &= ~uint32_t{RFLAGS_TF};
}

/// Does the exit work. No other C code runs between this and user code, and interrupts stay off.
INLINED void exit_to_user() {
    while (exit_work != 0) {
        exit_work = 0;
        asm volatile("sti; nop; cli" : : : "memory");
    }
}

/// The state of the NMI body. Bodies do not nest, although an IRET inside one unmasks NMIs: an NMI that arrives then
/// makes the running body do another round.
enum class NmiState : uint32_t { idle, executing, latched };
volatile NmiState nmi_state = NmiState::idle;
#ifndef is_nmi_body_running
INLINED bool is_nmi_body_running() { return nmi_state != NmiState::idle; }
#endif
INLINED void latch_nmi() { nmi_state = NmiState::latched; }
/// Ends a round by one decrement: latched becomes executing, which is another round, and executing becomes idle.
INLINED void next_nmi_state() { asm volatile("decl %0" : "+m"(nmi_state) : : "cc", "memory"); }

/// Restores CR2 after an NMI's body, since the NMI may have interrupted a page fault that has not read it yet.
INLINED void give_cr2_back(uint32_t kept) {
    uint32_t now = 0;
    READ("cr2", now);
    if (now != kept) WRITE("cr2", kept);
}

#ifdef AUDITED_CALLS
constexpr uint32_t no_such_call = 0xffffffda;  // -ENOSYS

/// Begins something for each call that the exit must end.
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

/// Flags that only IRET can restore. SYSEXIT does not load them, and a POPF before it must not: they would trap in the
/// kernel, or return to another mode.
#ifndef flags_for_iret_only
constexpr uint32_t flags_for_iret_only = RFLAGS_TF | RFLAGS_RF | RFLAGS_NT | RFLAGS_VM;
#endif
INLINED bool may_sysexit(const Frame* frame) {
    return (frame->eflags & flags_for_iret_only) == 0 && (frame->eflags & RFLAGS_IF) != 0 &&
           frame->cs == GATECRASH_USER32_CS && frame->ss == GATECRASH_USER_SS;
}

}  // namespace
