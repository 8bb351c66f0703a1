/* Constants and macros that entry code of 64-bit and 32-bit guests shares. C++ can include the constants as well. */
#ifndef GATECRASH_GUEST_ENTRY_COMMON_H
#define GATECRASH_GUEST_ENTRY_COMMON_H

#include "gatecrash/abi.h"

#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_FMASK 0xc0000084
#define MSR_GS_BASE 0xc0000101
#define MSR_MCG_STATUS 0x17a
#define MSR_KERNEL_GS_BASE 0xc0000102

#define RFLAGS_TF 0x100
#define RFLAGS_IF 0x200
#define RFLAGS_DF 0x400
#define RFLAGS_NT 0x4000
#define RFLAGS_RF 0x10000
#define RFLAGS_VM 0x20000
#define RFLAGS_AC 0x40000

#ifdef __ASSEMBLER__

/* Starts the entry stub `name`, which a case, or your own entry code, may replace. */
.macro WEAK_ENTRY name
        .weak \name
        .type \name, @function
\name:
.endm

/* Begin and end a region whose calls and jumps may leave the sections that `gatecrash check` protects, as
 * instrumentation_begin() and instrumentation_end() do on Linux. Both only write a note: they add no instruction. */
.macro INSTRUMENTATION_BEGIN
.Linstrumentation\@:
        .pushsection .discard.instr_begin
        .long .Linstrumentation\@ - .
        .popsection
.endm
.macro INSTRUMENTATION_END
.Linstrumentation\@:
        .pushsection .discard.instr_end
        .long .Linstrumentation\@ - .
        .popsection
.endm

/* Calls a body, which is outside of the protected sections. */
.macro CALL_OUTSIDE body:req
        INSTRUMENTATION_BEGIN
        call \body
        INSTRUMENTATION_END
.endm

/* The I/O permission bitmap of a TSS. A set bit refuses the port at CPL 3. Only the ports of the doorbell, and of the
 * stop byte for user text, are open. */
.macro IO_BITMAP
        port = 0
        .rept 0x100 / 8
        bits = 0
        bit = 0
        .rept 8
        closed = 1
        .if (port >= GATECRASH_PORT_FIRST) && (port <= GATECRASH_PORT_LAST)
        closed = 0
        .endif
        .if port == GATECRASH_PORT_STOP
        closed = 0
        .endif
        bits = bits | (closed << bit)
        bit = bit + 1
        port = port + 1
        .endr
        .byte bits
        .endr
        .byte 0xff                      // the CPU reads one byte past the last port
.endm

#endif
#endif
