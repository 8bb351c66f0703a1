// What the 32-bit reference entry's assembly and C++ call, and what a workload may define. Guest side, freestanding.
#pragma once

#include "entry_common.h"
#include "runtime.hpp"

extern "C" {

/// Of every exception and external interrupt, and of an NMI from CPL 3; the vector is in the frame.
void exception_body(gatecrash::Frame* frame);
/// Of an NMI. From CPL 0, its frame is where it found the stack.
void nmi_body(gatecrash::Frame* frame);
/// Of SYSENTER. What it leaves in the frame's `vector` decides on the way back: GATECRASH_VECTOR_SYSCALL is SYSEXIT,
/// any other IRET.
void sysenter_body(gatecrash::Frame* frame);

/// What an exception does; the workload may define it. The reference's makes a fault of user code go on at
/// user_fault_landing, as a signal would.
void exception_work(gatecrash::Frame* frame, uint32_t cr2);
/// What happens behind a fault of the exit that was put right.
void fixup_work();
/// What #DB does besides, with DR6 as it was raised.
void debug_work(gatecrash::Frame* frame, uint32_t debug_status);

/// Where user code goes on behind a fault.
extern const char user_fault_landing[] __attribute__((weak));
/// Not 0: to be done before a return to the user (I14).
extern uint64_t exit_work;
extern const char task_stack[], task_stack_top[], df_stack[], df_stack_top[];
}
