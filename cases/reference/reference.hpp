// Functions that the assembly of the reference entry calls, and symbols that a workload may define or read. Guest side,
// freestanding.
#pragma once

#include "addresses.h"
#include "runtime.hpp"

/// Reads a word of user memory. With SMAP, it sets AC for the access.
[[gnu::always_inline]] inline uint64_t read_user(uint64_t address) {
#ifdef WITH_SMAP
    uint64_t flags = 0;
    asm volatile("pushfq; popq %0; stac" : "=r"(flags) : : "cc", "memory");
#endif
    const uint64_t word = *reinterpret_cast<volatile const uint64_t*>(address);
#ifdef WITH_SMAP
    asm volatile("pushq %0; popfq" : : "r"(flags) : "cc", "memory");
#endif
    return word;
}

extern "C" {

/// The body of an exception, on the task stack or on the interrupted kernel stack. With TRACED_IN_ASSEMBLY,
/// `cr2_of_entry` is the CR2 that the entry found; else it is undefined.
void exception_body(gatecrash::abi::Frame* frame, uint64_t vector, uint64_t cr2_of_entry);
/// A trace point of the entry. It needs per-CPU data, and reads the user's stack, whose page may be absent.
void irqs_off_traced(const gatecrash::abi::Frame* frame, uint64_t vector);
/// The body of an exception that interrupted the kernel at any instruction and runs on its IST stack.
void paranoid_body(gatecrash::abi::Frame* frame, uint64_t vector);
/// The body of a double fault. `cr2` is CR2 of the fault that the CPU could not deliver.
void double_fault_body(gatecrash::abi::Frame* frame, uint64_t cr2);
/// The body of an external interrupt, whose vector takes the place of an error code.
void interrupt_body(gatecrash::abi::Frame* frame);
void nmi_body(gatecrash::abi::Frame* frame);
void irq_stack_overwritten(gatecrash::abi::Frame* frame, uint64_t found);
void syscall_entry_body(gatecrash::abi::Frame* frame);

/// Does the work of an exception's body; `cr2` is the address of a page fault. A workload may define its own. The
/// reference's only makes a user's fault continue at user_fault_landing, if the workload has that symbol.
void exception_work(gatecrash::abi::Frame* frame, uint64_t vector, uint64_t cr2);

/// Report what a double fault interrupted, which may fault in turn, and then handle it. A workload may define its own.
/// The reference's report nothing, and end the run.
void dump_stack(const gatecrash::abi::Frame* frame);
void double_fault_work(gatecrash::abi::Frame* frame, uint64_t cr2);

/// Loads `selector` into the user's GS. If that faults, it loads the null selector and returns false.
bool load_gs_index(uint32_t selector);

/// Does the work of an interrupt besides asking for a reschedule. A workload may define its own; the reference's does
/// nothing.
void interrupt_work(gatecrash::abi::Frame* frame);

/// Does the work of a system call by INT 0x80. A workload may define its own; the reference's does nothing.
void int80_work(gatecrash::abi::Frame* frame);
/// Has a bit for each delivered external interrupt. The harness sets the bit (gatecrash/abi.h), and the interrupt's
/// handler clears it.
extern uint64_t interrupts_in_service[];

/// Leaves the CPU idle for a while, in the idle context.
void be_idle();

/// Does the work of a #DB, for which DR6 had the bits in `status`. A workload may define its own; the reference's does
/// nothing.
void debug_work(gatecrash::abi::Frame* frame, uint64_t status);

/// The work that the kernel must do before the next return to user code. No return may leave a bit set (I14).
extern uint64_t exit_work;
}
