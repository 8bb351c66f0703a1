// Pushes to a full kernel stack. The push faults, the CPU cannot push the frame of that fault either, and the double
// fault switches to a task with its own stack. The CPU saves the registers in the TSS of the task that faulted (SDM
// volume 3, 7.2.1).
#include "entry32.h"

#define TSS_EIP 32
#define TSS_EFLAGS 36
#define TSS_ESP 56
#define TSS_CS 76
#define TSS_SS 80

        .globl df_by_task_gate
        df_by_task_gate = 1

// The GDT and the TSSs are writable, since the CPU writes the busy bits in the GDT, and registers to a TSS.
        .section .entry.data, "aw"
        .globl gdt, tss, df_tss
        .balign 16
gdt:
        GDT32
        .balign 16
tss:
        TSS32
        .balign 16
df_tss:
        .fill 8, 4, 0                   // link to the previous task; stacks of other levels; CR3
        .long df_task, 2                // EIP, EFLAGS
        .fill 4, 4, 0                   // EAX, ECX, EDX, EBX
        .long df_stack_top
        .fill 3, 4, 0                   // EBP, ESI, EDI
        .long GATECRASH_USER_SS, GATECRASH_KERNEL_CS, GATECRASH_KERNEL_SS, GATECRASH_USER_SS    // ES, CS, SS, DS
        .long GATECRASH_PER_CPU, 0, GATECRASH_LDT                                               // FS, GS, LDT
        .long 0x680000                  // no I/O bitmap

        .section .user, "ax"
        .globl user_start, sysenter_landing, user_fault_landing
user_start:
        movl %esp, %ebp
        sysenter
sysenter_landing:
        outb %al, $GATECRASH_PORT_DONE
user_fault_landing:
        ud2

        .data
esp_before:
        .long 0

        .text
        .globl overflow, overflow_push, overflow_recovered
overflow:
        pushl %ebx
        movl $0, df_stack_top - 4       // touches the page before #DF does: see the page on this case
        movl %esp, esp_before
        outb %al, $GATECRASH_PORT_BEGIN
        movl $(task_stack - GATECRASH_CANARY_SIZE), %esp
        movl $0xb0b1b2b3, %ebx
overflow_push:
        pushl %eax
overflow_recovered:
        movl esp_before, %esp
        outb %al, $GATECRASH_PORT_END
        popl %ebx
        ret

// The task of #DF. The task switch has set NT, so that an IRET would switch back, and CR0.TS. The error code is on the
// stack. This code is in the entry area, which both page-table roots map, because KVM must decode an IRET that switches
// tasks (docs/explanation/stepping.md).
        .section .entry.text, "ax"
        .globl df_task, df_task_end
df_task:
        clts
        pushl tss + TSS_SS
        pushl tss + TSS_ESP
        pushl tss + TSS_EFLAGS
        pushl tss + TSS_CS
        pushl tss + TSS_EIP
        pushl $0
        pushl $GATECRASH_VECTOR_DF
        SAVE_REGS32
#ifndef RETURNS_TO_TASK
        pushl $2
        popfl
#endif
        movl %esp, %eax
        CALL_OUTSIDE double_fault_body
#ifdef RETURNS_TO_TASK
        // Makes the other task continue where its stack is good again. The TSS to which IRET switches must be busy.
        movl $overflow_recovered, tss + TSS_EIP
        movl esp_before, %eax
        movl %eax, tss + TSS_ESP
#ifdef TSS_NOT_BUSY
        andb $~2, gdt + GATECRASH_TSS + 5
#endif
        iret
#else
        // Nothing on the stack is used any more, so this code drops it: the upper halves of saved segment registers are
        // undefined.
        movl $df_stack_top, %esp
        outb %al, $GATECRASH_PORT_END
        outb %al, $GATECRASH_PORT_DONE
#endif
df_task_end:
        ud2
