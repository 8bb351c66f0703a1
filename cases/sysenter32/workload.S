// Executes SYSENTER with each of the flags that it does not clear, with an EBP that is no user address, and from
// virtual-8086 mode.
//
// All of them return to one landing, and ESI has the address at which the workload continues.
#include "calls.h"
#include "entry32.h"

#define STATUS_FLAGS 0x8d5
#define FLAG_ZF 0x40
#define BASED_DATA 0x6b
#define FLAGS (RFLAGS_IF | 2)
#define RFLAGS_ID 0x200000              // has no effect on any CPU

// Fills the registers with the values that they have after SYSEXIT.
.macro FILL_FOR_SYSENTER name:req
        FILL_REGISTERS32
        movl %esp, %ebp
        movl %esp, %ecx
        movl $sysenter_landing, %edx
        movl $\name\()_back, %esi
.endm

// Opens a window with a call after which the flags must be the same as before it.
.macro WINDOW_WITH_FLAGS name:req flags:req
        FILL_FOR_SYSENTER \name
        pushl $(\flags)
        popfl
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl \name, \name\()_back
\name:
        sysenter
\name\()_back:
        outb %al, $GATECRASH_PORT_END
.endm

        .section .user, "ax"
        .globl user_start, sysenter_landing
        .type user_start, @function
user_start:
#if defined(WITH_TRAP_FLAG)
        // User code with TF set executes SYSENTER. The trap must come once, after the first instruction of the landing.
        // Its handler sets EBX.
        FILL_FOR_SYSENTER user_steps
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_steps, user_steps_back
user_steps:
        movl $0, %ebx
        pushl $(FLAGS | RFLAGS_TF)
        popfl
        sysenter
user_steps_back:
        pushl $FLAGS                    // if TF were still set, every instruction up to here would trap
        popfl
        outb %al, $GATECRASH_PORT_END
#elif defined(SYSENTER_READS_ARGUMENT)
        // The user's EBP is on the stack, and EBP holds the address of that word.
        FILL_FOR_SYSENTER user_argument
        movl $0x10111213, %ebp
        leal -4(%esp), %ecx
        pushl $FLAGS
        popfl
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_argument, user_argument_back
user_argument:
        pushl %ebp
        movl %esp, %ebp
        sysenter
user_argument_back:
        leal 4(%esp), %esp
        outb %al, $GATECRASH_PORT_END

        // EBP points to unmapped memory, to the end of user addresses, or to kernel memory. The call must fail with -1
        // in EAX, and change nothing else.
        .irp stack, 0x300000, 0x7ffffffe, log_ring
        FILL_REGISTERS32
        movl %esp, %edi
        movl $\stack, %ecx
        movl $sysenter_landing, %edx
        movl $1f, %esi
        movl $-1, %eax
        pushl $FLAGS
        popfl
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        movl $CALL_NOTHING, %eax
        movl $\stack, %ebp
        sysenter
1:      movl %edi, %esp
        movl $0x10111213, %ebp
        outb %al, $GATECRASH_PORT_END
        .endr
#elif defined(WITH_VM86)
        // VM86 code executes SYSENTER, which must raise #GP. Its handler ends VM86 mode, continues at
        // user_fault_landing, and sets EBX.
        FILL_FOR_SYSENTER user_vm86
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_vm86, user_vm86_back
user_vm86:
        pushfl
        movl $CALL_ENTER_VM86, %eax
        movl $0, %ebx
        movl %esp, %ebp
        sysenter
        .globl user_fault_landing
user_fault_landing:
user_vm86_back:
        movl $0xa0a1a2a3, %eax
        popfl
        movl %esp, %ebp
        movl %esp, %ecx
        movl $sysenter_landing, %edx
        movl $0xf0f1f2f3, %edi
        outb %al, $GATECRASH_PORT_END
#elif defined(AUDITED_CALLS)
        // The call has an unknown number.
        FILL_FOR_SYSENTER user_bad_number
        movl $-38, %eax                 // -ENOSYS
        pushl $FLAGS
        popfl
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_bad_number, user_bad_number_back
user_bad_number:
        movl $AUDITED_CALLS, %eax
        sysenter
user_bad_number_back:
        outb %al, $GATECRASH_PORT_END
#elif defined(WITH_VERW)
        // With this base, DS and ES lead to no kernel memory. The kernel returns by SYSEXIT in one window, and by IRET
        // in the other. ZF is clear.
        movl $BASED_DATA, %eax
        movl %eax, %ds
        movl %eax, %es
        WINDOW_WITH_FLAGS user_based_ds, FLAGS | STATUS_FLAGS & ~FLAG_ZF
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_based_ds_int
user_based_ds_int:
        int $GATECRASH_USER_IRQ
        outb %al, $GATECRASH_PORT_END
#else
        movl $CALL_SET_IOPL, %eax
        movl %esp, %ebp
        movl $1f, %esi
        sysenter
1:
        WINDOW_WITH_FLAGS user_flags, FLAGS | STATUS_FLAGS | RFLAGS_AC | RFLAGS_DF | RFLAGS_ID
#ifndef SYSENTER_STACK
        WINDOW_WITH_FLAGS user_nt, FLAGS | RFLAGS_NT
#endif
#endif
        outb %al, $GATECRASH_PORT_DONE
        ud2
sysenter_landing:
        jmp *%esi

#ifdef WITH_TRAP_FLAG
        .section .rodata
        .globl sets_trap_flag
sets_trap_flag:
        .byte 1
#endif

#ifdef WITH_VERW
        .section .entry.data, "aw"
        .globl gdt, gdt_limit
        .balign 8
gdt:
        GDT32
        .quad 0x20cff3000000ffff        // BASED_DATA: data, DPL 3, from 0x20000000 on
        gdt_limit = . - gdt - 1
#endif

#ifdef WITH_VM86
        .section .user_vm86, "ax"
        .code16
        .globl vm86_sysenter
vm86_sysenter:
        sysenter
        .code32

// Enters VM86 mode instead of returning from SYSENTER, with ESI, EBP and EBX of the Frame32 in EAX.
        .text
        .globl enter_vm86
        .type enter_vm86, @function
enter_vm86:
        cli
        movl 4(%eax), %esi
        movl 8(%eax), %ebp
        movl 16(%eax), %ebx
        movl $task_stack_top, %esp
        .rept 4
        pushl $0                        // ES DS FS GS
        .endr
        pushl $0                        // SS
        pushl $0x1ff0
        pushl $(RFLAGS_VM | FLAGS)
        pushl $0                        // CS
        pushl $vm86_sysenter
        pushl $0
        pushl $GATECRASH_VECTOR_GP      // no SYSEXIT
        .rept 4
        pushl $0
        .endr
        movl $CALL_NOTHING, %eax
        pushal
        jmp return_to_user
#endif
