// Makes the kernel return to a 16-bit stack segment, and to a code segment that is not present.
#include "espfix32.h"

// Opens a window with a SYSENTER whose return, as `request` says, faults. The fault ends the window, and the workload
// continues after this macro.
.macro WINDOW_OF_FAULT name request
        FILL_REGISTERS32
        movl $\request, %eax
        movl $\name\()_done, %esi
        movl %esp, %ebp
        outb %al, $GATECRASH_PORT_BEGIN
        .globl \name
\name:
        sysenter
\name\()_done:
.endm

        .section .user, "ax"
        .globl user_start, sysenter_landing, user_fault_landing
user_start:
        movl $GATECRASH_LDT_DATA16, %eax
        movl %eax, %ss
        FILL_REGISTERS32
        outb %al, $GATECRASH_PORT_BEGIN_ROUND_TRIP
        .globl user_int16, user_int16_back
user_int16:
        int $GATECRASH_USER_IRQ
user_int16_back:
        outb %al, $GATECRASH_PORT_END
        movl $GATECRASH_USER_SS, %eax
        movl %eax, %ss
        WINDOW_OF_FAULT user_absent16, ESPFIX32_ABSENT_CODE_16_BIT_STACK
        WINDOW_OF_FAULT user_absent, ESPFIX32_ABSENT_CODE
        outb %al, $GATECRASH_PORT_DONE
        ud2
user_fault_landing:
        outb %al, $GATECRASH_PORT_END
        jmp *%esi
// No SYSENTER of this workload returns here.
sysenter_landing:
        ud2
