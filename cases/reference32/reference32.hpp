// Functions that the assembly and C++ of the 32-bit reference entry call, and symbols that a workload may define. Guest
// side, freestanding.
#pragma once

#include "entry_common.h"
#include "runtime.hpp"

extern "C" {

/// The body of every exception and external interrupt, and of an NMI from CPL 3. The vector is in the frame.
void exception_body(gatecrash::Frame* frame);
/// The body of an NMI. The frame of an NMI from CPL 0 is on the interrupted stack.
void nmi_body(gatecrash::Frame* frame);
/// The body of SYSENTER. It chooses the return by the frame's `vector`: GATECRASH_VECTOR_SYSCALL means SYSEXIT, any
/// other value IRET.
void sysenter_body(gatecrash::Frame* frame);

/// Does the work of an exception. A workload may define its own; the reference's makes a fault of user code continue at
/// user_fault_landing, like a signal.
void exception_work(gatecrash::Frame* frame, uint32_t cr2);
/// Runs after the body has fixed a fault of the exit. A workload may define its own; the reference's does nothing.
void fixup_work();
/// Does further work of #DB, with the DR6 of that #DB. A workload may define its own; the reference's does nothing.
void debug_work(gatecrash::Frame* frame, uint32_t debug_status);

/// The place where user code continues after a fault.
extern const char user_fault_landing[] __attribute__((weak));
/// Not 0 if the kernel must do work before it returns to user code (I14).
extern uint64_t exit_work;
extern const char task_stack[], task_stack_top[], df_stack[], df_stack_top[];
}
