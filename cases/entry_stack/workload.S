// Executes SYSENTERs from CPL 3, each in its own window. syscall_work builds a frame with segments that the CPU cannot
// load, as a return from a signal may. A bad selector in DS to GS becomes the null selector. A bad CS or SS faults: the
// user gets the fault and continues at user_fault_landing. All other registers keep their values.
#include "entry32.h"
#include "work.h"

// Selectors that cannot be loaded, and the exception that each one raises.
#define BEYOND_LDT 0x2f                         // #GP
#define OF_KERNEL (GATECRASH_PER_CPU | 3)       // #GP; with RPL 0 the kernel's load would succeed
#define NULL_CS 3                               // #GP, in IRET

// A selector that can be loaded. Its descriptor comes after the runtime's GDT, like those of set_thread_area.
#define DATA_WITH_BASE 0x6b

        .section .tables.gdt, "a"
        .globl gdt, gdt_limit
gdt:
        GDT32
        .quad 0x00cff3100000ffff        // data, DPL 3, base 1 MiB
        gdt_limit = . - gdt - 1

// Loads `segment` with the value that user code finds there after a return to `selector`, so that BEGIN and END agree.
.macro LOAD_RESULT segment:req selector:req
        result = \selector
        .if (result != GATECRASH_USER_SS) && (result != GATECRASH_LDT_DATA) && (result != DATA_WITH_BASE)
        result = 0
        .endif
        movl $result, %eax
        movl %eax, %\segment
.endm

        number_of_rows = 0

// Executes a SYSENTER that returns to these segments, and adds their row for syscall_work. ECX and EDX hold the values
// that SYSEXIT leaves there.
.macro RETURN name:req cs=GATECRASH_USER32_CS ss=GATECRASH_USER_SS ds=GATECRASH_USER_SS es=GATECRASH_USER_SS \
        fs=GATECRASH_LDT_DATA gs=GATECRASH_LDT_DATA
        .pushsection .rodata
        .long \cs, \ss, \ds, \es, \fs, \gs
        .popsection
        FILL_REGISTERS32
        LOAD_RESULT ds, \ds
        LOAD_RESULT es, \es
        LOAD_RESULT fs, \fs
        LOAD_RESULT gs, \gs
        .if (\cs == GATECRASH_USER32_CS) && (\ss != GATECRASH_LDT_DATA_ABSENT)
        movl $\ss, %eax
        movl %eax, %ss
        .endif
        movl $number_of_rows, %eax
        number_of_rows = number_of_rows + 1
        movl $\name\()_over, %esi
        movl %esp, %ebp
        movl %esp, %ecx
        movl $sysenter_landing, %edx
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl \name
\name:
        sysenter
\name\()_over:
        movl $GATECRASH_USER_SS, %eax
        movl %eax, %ss
.endm

        .section .rodata
        .globl rows
        .balign 4
rows:

        .section .user, "ax"
        .globl user_start
        .type user_start, @function
user_start:
#ifdef ONLY_BAD_DS
        RETURN user_bad_ds, ds=BEYOND_LDT
#elif defined(ONLY_CS_ABSENT)
        RETURN user_cs_absent, cs=GATECRASH_LDT_CODE_ABSENT
#elif defined(ONLY_IRET_FROM_ESPFIX)
        RETURN user_cs_absent_ss16, cs=GATECRASH_LDT_CODE_ABSENT, ss=GATECRASH_LDT_DATA16
#elif defined(ONLY_DS_WITH_BASE)
        RETURN user_ds_with_base_ss16, ss=GATECRASH_LDT_DATA16, ds=DATA_WITH_BASE
#else
        RETURN user_bad_segments, ds=BEYOND_LDT, es=GATECRASH_LDT_DATA_ABSENT, fs=OF_KERNEL, gs=GATECRASH_LDT_DATA_ABSENT
        RETURN user_cs_absent, cs=GATECRASH_LDT_CODE_ABSENT
        RETURN user_cs_null, cs=NULL_CS
        RETURN user_ss_absent, ss=GATECRASH_LDT_DATA_ABSENT
        RETURN user_cs_absent_ss16, cs=GATECRASH_LDT_CODE_ABSENT, ss=GATECRASH_LDT_DATA16
        RETURN user_ds_with_base_ss16, ss=GATECRASH_LDT_DATA16, ds=DATA_WITH_BASE
#endif
        outb %al, $GATECRASH_PORT_DONE
        ud2

        .globl sysenter_landing, user_fault_landing
sysenter_landing:
        outb %al, $GATECRASH_PORT_END
        jmp *%esi
user_fault_landing:
        outb %al, $GATECRASH_PORT_END
        jmp *%esi

#ifdef HANDLER_SLEEPS
// The user code of the other task, which only wakes the sleeping one.
        .globl other_task
other_task:
        movl $OTHER_TASK, %eax
        movl %esp, %ebp
        sysenter

        .text
// Puts the calling handler to sleep. The CPU runs another task until that task executes SYSENTER. The two tasks share
// one entry stack. The other task's kernel stack is the unused part of this task's kernel stack.
        .globl sleep
        .type sleep, @function
sleep:
        SAVE_CALLEE_SAVED32
        movl %esp, esp_of_sleeper
        movl %esp, per_cpu
        pushl $GATECRASH_USER_SS
        pushl $(user_stack_top - GATECRASH_STACK_SIZE / 2)
        pushl $(RFLAGS_IF | 2)
        pushl $GATECRASH_USER32_CS
        pushl $other_task
        pushl $0
        pushl $GATECRASH_VECTOR_GP
        pushl $GATECRASH_LDT_DATA
        pushl $GATECRASH_LDT_DATA
        pushl $GATECRASH_USER_SS
        pushl $GATECRASH_USER_SS
        pushal
        jmp return_to_user
        .globl wake
        .type wake, @function
wake:
        cli
        movl $task_stack_top, per_cpu
        movl esp_of_sleeper, %esp
        RESTORE_CALLEE_SAVED32
        ret

        .data
esp_of_sleeper:
        .long 0
#endif
