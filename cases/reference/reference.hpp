// What the reference entry's assembly calls, and what a workload may define or look at. Guest side, freestanding.
#pragma once

#include "addresses.h"
#include "runtime.hpp"

/// Reads a word of the user's. With SMAP, AC has to say that this is meant.
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

/// An exception on the task stack, or on whatever stack of the kernel's was interrupted. With TRACED_IN_ASSEMBLY the
/// entry hands on CR2 as it found it; else `cr2_of_entry` is whatever was in that register.
void exception_body(gatecrash::abi::Frame* frame, uint64_t vector, uint64_t cr2_of_entry);
/// A trace point of the entry: needs per-CPU data, and follows the user's stack, which may not be there yet.
void irqs_off_traced(const gatecrash::abi::Frame* frame, uint64_t vector);
/// One that interrupted the kernel at any instruction, on its IST stack.
void paranoid_body(gatecrash::abi::Frame* frame, uint64_t vector);
/// A double fault; CR2 is that of the fault which could not be delivered.
void double_fault_body(gatecrash::abi::Frame* frame, uint64_t cr2);
/// An external interrupt; its vector stands where an error code would.
void interrupt_body(gatecrash::abi::Frame* frame);
void nmi_body(gatecrash::abi::Frame* frame);
void irq_stack_overwritten(gatecrash::abi::Frame* frame, uint64_t found);
void syscall_entry_body(gatecrash::abi::Frame* frame);

/// What a workload may define: what the body of an exception does; `cr2` is that of a page fault. The reference's does
/// nothing, but for a fault of the user's: it goes on at user_fault_landing, if the workload has that.
void exception_work(gatecrash::abi::Frame* frame, uint64_t vector, uint64_t cr2);

/// What a workload may define: what a double fault tells of what it interrupted, which may fault in turn; and what
/// becomes of that then. The reference's tells nothing, and gives up.
void dump_stack(const gatecrash::abi::Frame* frame);
void double_fault_work(gatecrash::abi::Frame* frame, uint64_t cr2);

/// Loads `selector` into the user's GS. If that faults, GS is null.
bool load_gs_index(uint32_t selector);

/// What a workload may define: what an interrupt does besides asking for a reschedule. The reference's does nothing.
void interrupt_work(gatecrash::abi::Frame* frame);

/// What a workload may define: a system call by INT 0x80. The reference's does nothing.
void int80_work(gatecrash::abi::Frame* frame);
/// The bits of external interrupts that have been delivered; the harness sets them (gatecrash/abi.h), who handles one
/// clears its.
extern uint64_t interrupts_in_service[];

/// Has the CPU do nothing for a while, in the context that goes with it.
void be_idle();

/// What a workload may define: what a #DB is for, which DR6 had these bits of its own for. The reference's does
/// nothing.
void debug_work(gatecrash::abi::Frame* frame, uint64_t status);

/// What is to be done before the next return to the user. No return may leave a bit of it (I14).
extern uint64_t exit_work;
}
