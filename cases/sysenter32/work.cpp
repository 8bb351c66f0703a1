// Does the kernel's part of the workload of sysenter32.
#include "calls.h"
#include "reference32.hpp"

using gatecrash::Frame;

namespace {

constexpr uint32_t iopl_3 = 0x3000;
/// The kernel puts this value into the user's EBX to show that the user's trap, or fault, has arrived.
constexpr uint32_t users_ebx = 0xb0b1b2b3;

#ifdef WITH_VM86
/// Sets SYSENTER_CS. With 0, SYSENTER raises #GP (SDM volume 2, SYSENTER). The function is in text that both page-table
/// roots map: see EMULATED in the reference's body_steps.hpp.
extern "C" [[gnu::section(".entry.text"), gnu::noinline]] void set_sysenter_cs(uint32_t selector) {
    asm volatile("wrmsr" : : "c"(MSR_SYSENTER_CS), "a"(selector), "d"(0));
}

/// Handles the #GP of a SYSENTER in VM86 mode, and leaves that mode. A SYSENTER that did not fault would clear
/// EFLAGS.VM without saving it, so the kernel would not know that it interrupted VM86 code.
void leave_vm86(Frame* frame) {
    set_sysenter_cs(GATECRASH_KERNEL_CS);
    frame->eip = reinterpret_cast<uint32_t>(user_fault_landing);
    frame->cs = GATECRASH_USER32_CS;
    frame->eflags = RFLAGS_IF | 2;
    frame->esp = frame->ebp;
    frame->ss = frame->ds = frame->es = GATECRASH_USER_SS;
    frame->fs = frame->gs = GATECRASH_LDT_DATA;
    frame->ebx = users_ebx;
}

extern "C" [[noreturn]] void enter_vm86(Frame* frame);
#endif

}  // namespace

extern "C" {

void exception_work(Frame* frame, uint32_t) {
    const auto vector = frame->vector;
    const bool from_kernel = (frame->cs & 3) == 0 && (frame->eflags & RFLAGS_VM) == 0;
    if (vector >= GATECRASH_FIRST_IRQ) exit_work = 1;
    if (vector == GATECRASH_VECTOR_DB && !from_kernel && (frame->eflags & RFLAGS_TF) != 0) {
        frame->eflags &= ~uint32_t{RFLAGS_TF};
        frame->ebx = users_ebx;
    }
    if (vector < GATECRASH_VECTOR_UD || vector > GATECRASH_VECTOR_PF) return;
#ifdef WITH_VM86
    if ((frame->eflags & RFLAGS_VM) != 0) return leave_vm86(frame);
#endif
    if (!from_kernel) return log_broken(8, vector, frame, frame->error);
    log_broken(9, vector, frame, frame->error);
    fatal_body(frame, vector);  // a return would only repeat the fault
}

void syscall_work(Frame* frame) {
    if (frame->eax == CALL_SET_IOPL) frame->eflags |= iopl_3;
#ifdef WITH_VM86
    if (frame->eax == CALL_ENTER_VM86) {
#ifndef SYSENTER_CS_STAYS
        set_sysenter_cs(0);
#endif
        enter_vm86(frame);
    }
#endif
}
}
