/* Entry macros of 32-bit guests: one for each way of entering.
 *
 * The frame that a body gets (Frame32), from high to low addresses:
 *
 *      GS  FS  DS  ES                    pushed by the CPU, only from VM86 mode
 *      SS  ESP                           pushed by the CPU, only if the privilege level changes
 *      EFLAGS  CS  EIP                   pushed by the CPU
 *      error code                        pushed by the CPU, or 0 by the stub
 *      vector                            pushed by the stub
 *      GS  FS  ES  DS                    pushed by SAVE_REGS32
 *      EAX ECX EDX EBX ESP EBP ESI EDI   pushed by SAVE_REGS32 with PUSHA; RESTORE_REGS32 ignores this ESP
 */
#ifndef GATECRASH_GUEST_ENTRY32_H
#define GATECRASH_GUEST_ENTRY32_H

#ifndef __i386__
#error "gatecrash/entry32.h is for 32-bit guests: include gatecrash/entry.h, or use the package gatecrash-guest32"
#endif

#include "entry_common.h"

#ifdef __ASSEMBLER__

/* Saves the registers that the C ABI requires a function to preserve. A workload's function that uses FILL_REGISTERS32
 * needs this. */
.macro SAVE_CALLEE_SAVED32
        pushl %ebx
        pushl %ebp
        pushl %esi
        pushl %edi
.endm

/* Undoes SAVE_CALLEE_SAVED32. */
.macro RESTORE_CALLEE_SAVED32
        popl %edi
        popl %esi
        popl %ebp
        popl %ebx
.endm

/* Saves DS to GS and every general register below the vector. Changes no register but ESP. */
.macro SAVE_REGS32
        pushl %gs
        pushl %fs
        pushl %es
        pushl %ds
        pushal
.endm

/* Undoes SAVE_REGS32, and drops the vector and the error code. Leaves ESP at the IRET frame. */
.macro RESTORE_REGS32
        popal
        popl %ds
        popl %es
        popl %fs
        popl %gs
        addl $8, %esp
.endm

/* Loads DS, ES and FS with the kernel's selectors. GS stays the user's, since the kernel does not use it. Clobbers
 * EAX. */
.macro LOAD_KERNEL_SEGMENTS
        movl $GATECRASH_USER_SS, %eax
        movl %eax, %ds
        movl %eax, %es
        movl $GATECRASH_PER_CPU, %eax
        movl %eax, %fs
.endm

/* Calls a body with (frame, vector), in EAX and EDX. ESP is at the frame. Clobbers the registers that the C ABI lets a
 * call clobber. */
.macro CALL_BODY32 body vector
        cld
        movl %esp, %eax
        movl $\vector, %edx
        CALL_OUTSIDE \body
.endm

/* Handles an exception or interrupt that may find any selectors in DS, ES and FS. ESP is at the frame's error code. */
.macro ENTRY_PLAIN32 body vector
        pushl $\vector
        SAVE_REGS32
        LOAD_KERNEL_SEGMENTS
        CALL_BODY32 \body \vector
        RESTORE_REGS32
        iretl
.endm

/* Ends the run on a vector that nobody expects, and never returns. ESP is at the frame's error code. */
.macro ENTRY_FATAL32 vector
        pushl $\vector
        SAVE_REGS32
        LOAD_KERNEL_SEGMENTS
        CALL_BODY32 fatal_body \vector
        ud2                             // tells `gatecrash check` that the call does not return
.endm

/* Enters SYSENTER and runs its body on the current stack. Expects the user's ESP in EBP and interrupts off; all other
 * flags are the user's. Builds the frame that an exception at sysenter_landing, where the user continues, would have.
 * That address is 0 if the workload has no such symbol. Leaves ESP at the frame. */
.macro ENTER_SYSENTER32
        .weak sysenter_landing
        pushl $GATECRASH_USER_SS
        pushl %ebp
        pushfl
        orl $RFLAGS_IF, (%esp)          // user code has interrupts on
        pushl $2                        // no TF, DF, NT, AC
        popfl
        pushl $GATECRASH_USER32_CS
        pushl $sysenter_landing
        pushl $0
        pushl $GATECRASH_VECTOR_SYSCALL
        SAVE_REGS32
        LOAD_KERNEL_SEGMENTS
        movl %esp, %eax
        CALL_OUTSIDE syscall_body
.endm

/* Returns to CPL 3 by SYSEXIT, with EIP, ESP and EFLAGS from the frame and interrupts on. SYSEXIT sets CS and SS
 * itself, and the user loses EDX and ECX by convention. A frame with TF must return by IRET instead: after POPF it
 * would trap in this code. Requires interrupts off, and ESP at the frame. */
.macro EXIT_BY_SYSEXIT32
        RESTORE_REGS32
        movl (%esp), %edx
        movl 12(%esp), %ecx
        addl $8, %esp
        andl $~RFLAGS_IF, (%esp)
        popfl
        sti                             // takes effect after the next instruction
        sysexit
.endm

/* A descriptor of GDT32 with an address as its base. The linker script splits that address into three parts. */
.macro DESCRIPTOR32 name limit access flags
        .word \limit, \name\()_base_0
        .byte \name\()_base_16, \access, \flags, \name\()_base_24
.endm

/* The GDT (SDM volume 3, 3.4.5). The runtime's GDT is read-only, like all tables. A guest that writes its GDT, or whose
 * task switches make the CPU write it, defines its own symbol `gdt` in writable memory. It may append descriptors if it
 * also defines `gdt_limit`. */
.macro GDT32
        .quad 0, 0
        .quad 0x00cf9b000000ffff        // 0x10 kernel code: 32-bit, DPL 0, accessed already, so never written
        .quad 0x00cf93000000ffff        // 0x18 kernel data
        .quad 0x00cffb000000ffff        // 0x20 user code, DPL 3
        .quad 0x00cff3000000ffff        // 0x28 user data, DPL 3
        .quad 0
        DESCRIPTOR32 per_cpu 0xffff 0x93 0xcf           // 0x38 per-CPU data, DPL 0; the limit is 4 GiB
        DESCRIPTOR32 tss tss_limit 0x8b 0               // 0x40 TSS, busy; the harness loads TR without reading it
        DESCRIPTOR32 df_tss 0x67 df_tss_access 0        // 0x48 TSS of #DF, available; not present without `df_tss`
        DESCRIPTOR32 ldt ldt_limit 0x82 0               // 0x50 LDT
        DESCRIPTOR32 espfix 0xffff 0x93 0               // 0x58 data, 16-bit, DPL 0: stack for an IRET to a 16-bit stack
        .quad 0x0040910000000000        // 0x60 data, DPL 0; the limit is the number of this CPU, 0
.endm

/* The TSS (SDM volume 3, 7.2.1). The runtime's TSS is read-only. A guest that changes ESP0 or switches tasks defines
 * its own symbol `tss` in writable memory. */
.macro TSS32
2:
        .long 0
        .long tss_esp0, GATECRASH_KERNEL_SS     // ESP0, SS0
        .fill 22, 4, 0                          // levels 1 and 2, CR3, registers, LDT: used only by task switches
        .word 0
        .word 1f - 2b
1:      IO_BITMAP
        tss_limit = . - 2b - 1
.endm

/* Gives every general register except ESP a pattern of its own, so that the checks notice a register that the entry
 * code loses. For workloads. */
.macro FILL_REGISTERS32
        movl $0xa0a1a2a3, %eax
        movl $0xb0b1b2b3, %ebx
        movl $0xc0c1c2c3, %ecx
        movl $0xd0d1d2d3, %edx
        movl $0xe0e1e2e3, %esi
        movl $0xf0f1f2f3, %edi
        movl $0x10111213, %ebp
.endm

#endif
#endif
