/* Defines what a guest and the harness agree on. C++, assembly and linker scripts read this file, so it has plain
 * #defines, and structures only for C++. static_assert compares the offsets at compile time. */
#ifndef GATECRASH_ABI_H
#define GATECRASH_ABI_H

#define GATECRASH_ABI_VERSION 2
#define GATECRASH_ABI_MAGIC 0x6873617263657467 /* "gtecrash" */

/* --- the doorbell: OUT of AL to one of these ports, from any privilege level; no register changes --------------- */
#define GATECRASH_PORT_FIRST 0xd0
#define GATECRASH_PORT_BEGIN 0xd0     /* the window begins after this instruction */
#define GATECRASH_PORT_BEGIN_NMI 0xd1 /* the window begins, and an NMI arrives there */
#define GATECRASH_PORT_END 0xd2       /* the window ends: the harness checks the invariants */
#define GATECRASH_PORT_DONE 0xd3      /* the workload has no further window */
#define GATECRASH_PORT_FATAL 0xd4     /* the runtime gives up; the newest log record says why */
/* Begins the window. At END every register but RIP must be as it is here, also in the run without events. */
#define GATECRASH_PORT_BEGIN_ROUND_TRIP 0xd5
#define GATECRASH_PORT_LAST 0xd5
#define GATECRASH_PORT_STOP 0xe6 /* the stop byte for user text: OUT imm8 and its immediate are the same byte */

/* --- address space ------------------------------------------------------------------------------------------- */
#define GATECRASH_PAGE 0x1000
#define GATECRASH_KERNEL_BASE 0xffffffff80000000 /* guest-physical 0 */
#define GATECRASH_TEXT 0x10000                   /* guest-physical: text, constants, descriptor tables */
#define GATECRASH_DATA 0x40000                   /* guest-physical: data, then the log ring */
#define GATECRASH_STACKS 0x60000                 /* guest-physical: a page a stack, a guard page below each */
#define GATECRASH_USER_TEXT 0x400000             /* virtual */
#define GATECRASH_USER_TEXT_PHYSICAL 0x80000
#define GATECRASH_USER_TOP 0x7ffffffff000 /* virtual: the last page of the lower canonical half */
#define GATECRASH_USER_TOP_PHYSICAL 0x8f000
#define GATECRASH_USER_STACK 0x500000 /* virtual */
#define GATECRASH_USER_STACK_PHYSICAL 0x90000
#define GATECRASH_USER_SHADOW_STACK 0x600000 /* virtual */
#define GATECRASH_USER_SHADOW_STACK_PHYSICAL 0x92000
#define GATECRASH_STACK_SIZE 0x1000
/* Values for 32-bit guests. Their user addresses are below 0x80000000. All else is where a 64-bit guest has it. */
#define GATECRASH_KERNEL_BASE32 0xc0000000 /* guest-physical 0 */
#define GATECRASH_VM86_TEXT 0x1000         /* virtual: VM86 code, with CS 0; physical: GATECRASH_USER_TOP_PHYSICAL */
/* There are two page-table roots. The kernel's maps everything, and CR3 has it at boot. The user's is in the next page,
 * at CR3 | GATECRASH_USER_ROOT. It maps user memory and, of the kernel's memory, only the entry area: program headers
 * with the flag GATECRASH_PF_ENTRY_AREA, which is in the range that ELF leaves to operating systems. */
#define GATECRASH_USER_ROOT 0x1000
#define GATECRASH_PF_ENTRY_AREA 0x00100000
/* A program header with this flag is a shadow stack: page tables make it read-only and dirty, as SDM volume 3, 4.6.1, asks
 * for. So only the CPU writes to it, and only while shadow stacks are on. */
#define GATECRASH_PF_SHADOW_STACK 0x00200000
/* Both ends of a stack hold this many bytes of canary, which no correct code touches. */
#define GATECRASH_CANARY_SIZE 64
#define GATECRASH_CANARY 0xca4a4ac0deadca4a

/* --- selectors, laid out as SYSCALL and SYSRET, SYSENTER and SYSEXIT want them ------------------------------------ */
#define GATECRASH_KERNEL_CS 0x10
#define GATECRASH_KERNEL_SS 0x18
#define GATECRASH_USER32_CS 0x23
#define GATECRASH_USER_SS 0x2b
#define GATECRASH_USER_CS 0x33
#define GATECRASH_TSS 0x40
#define GATECRASH_LDT 0x50
#define GATECRASH_CPU_NUMBER 0x60 /* a data segment whose limit is the number of the CPU */
/* Only 32-bit guests have these. */
#define GATECRASH_PER_CPU 0x38   /* data, base per_cpu, DPL 0: the kernel's FS */
#define GATECRASH_DF_TSS 0x48    /* TSS, base df_tss, not present unless a guest defines df_tss */
#define GATECRASH_ESPFIX_SS 0x58 /* data, 16-bit, DPL 0; its base is the 64 KiB that the entry stack is in */
/* Selectors of the LDT, all flat with DPL 3: a return may meet them besides the user's own. Code has the guest's own
 * size. */
#define GATECRASH_LDT_CODE 0x07        /* code */
#define GATECRASH_LDT_DATA 0x0f        /* data */
#define GATECRASH_LDT_DATA16 0x17      /* data, 16-bit: with it in SS, only SP is the stack pointer */
#define GATECRASH_LDT_CODE_ABSENT 0x1f /* code, not present */
#define GATECRASH_LDT_DATA_ABSENT 0x27 /* data, not present */

/* --- IST slots -------------------------------------------------------------------------------------------------- */
#define GATECRASH_IST_NMI 1
#define GATECRASH_IST_DB 2
#define GATECRASH_IST_DF 3
#define GATECRASH_IST_MC 4
#define GATECRASH_IST_VC 5 /* only in a guest that has a TSS of its own */

/* --- vectors ---------------------------------------------------------------------------------------------------- */
#define GATECRASH_VECTOR_DE 0
#define GATECRASH_VECTOR_DB 1
#define GATECRASH_VECTOR_NMI 2
#define GATECRASH_VECTOR_BP 3
#define GATECRASH_VECTOR_OF 4
#define GATECRASH_VECTOR_BR 5
#define GATECRASH_VECTOR_UD 6
#define GATECRASH_VECTOR_NM 7
#define GATECRASH_VECTOR_DF 8
#define GATECRASH_VECTOR_TS 10
#define GATECRASH_VECTOR_NP 11
#define GATECRASH_VECTOR_SS 12
#define GATECRASH_VECTOR_GP 13
#define GATECRASH_VECTOR_PF 14
#define GATECRASH_VECTOR_MF 16
#define GATECRASH_VECTOR_AC 17
#define GATECRASH_VECTOR_MC 18
#define GATECRASH_VECTOR_XM 19
#define GATECRASH_VECTOR_VE 20
#define GATECRASH_VECTOR_CP 21
#define GATECRASH_VECTOR_HV 28
#define GATECRASH_VECTOR_VC 29
#define GATECRASH_VECTOR_SX 30
#define GATECRASH_FIRST_IRQ 0x20
#define GATECRASH_DEFAULT_IRQ 0x20
#define GATECRASH_USER_IRQ 0x80 /* INT can raise this one from CPL 3, too */
#define GATECRASH_VECTORS 256
#define GATECRASH_VECTOR_SYSCALL 256 /* stands in the log for SYSCALL or SYSENTER, which have no vector */
/* An interrupt entry stub takes this many bytes, so that a linker script can compute its address. */
#define GATECRASH_IRQ_STUB_SIZE 16

/* --- the log ring: a page of records that handler bodies write and the harness reads ------------------------------ */
#define GATECRASH_LOG_RECORD_SIZE 64
#define GATECRASH_LOG_CAPACITY 63
#define GATECRASH_LOG_ENTER 1      /* a handler body begins */
#define GATECRASH_LOG_LEAVE 2      /* a handler body ends; the frame is the one that it is about to return through */
#define GATECRASH_LOG_FATAL 3      /* a vector arrived that no handler expects */
#define GATECRASH_LOG_FULL 4       /* the ring had no room for the record */
#define GATECRASH_LOG_BROKEN 0x100 /* + N: a body found invariant N broken; `error` has what it found */

/* --- the frame that an entry stub hands to a body, in bytes from its start ---------------------------------------- */
#define GATECRASH_FRAME_R15 0
#define GATECRASH_FRAME_R14 8
#define GATECRASH_FRAME_R13 16
#define GATECRASH_FRAME_R12 24
#define GATECRASH_FRAME_RBP 32
#define GATECRASH_FRAME_RBX 40
#define GATECRASH_FRAME_R11 48
#define GATECRASH_FRAME_R10 56
#define GATECRASH_FRAME_R9 64
#define GATECRASH_FRAME_R8 72
#define GATECRASH_FRAME_RAX 80
#define GATECRASH_FRAME_RCX 88
#define GATECRASH_FRAME_RDX 96
#define GATECRASH_FRAME_RSI 104
#define GATECRASH_FRAME_RDI 112
#define GATECRASH_FRAME_ERROR 120
#define GATECRASH_FRAME_RIP 128
#define GATECRASH_FRAME_CS 136
#define GATECRASH_FRAME_RFLAGS 144
#define GATECRASH_FRAME_RSP 152
#define GATECRASH_FRAME_SS 160
#define GATECRASH_FRAME_SIZE 168
/* The frame of a 32-bit guest, in bytes from its start. */
#define GATECRASH_FRAME32_EDI 0
#define GATECRASH_FRAME32_ESI 4
#define GATECRASH_FRAME32_EBP 8
#define GATECRASH_FRAME32_ESP_OF_PUSHA 12
#define GATECRASH_FRAME32_EBX 16
#define GATECRASH_FRAME32_EDX 20
#define GATECRASH_FRAME32_ECX 24
#define GATECRASH_FRAME32_EAX 28
#define GATECRASH_FRAME32_DS 32
#define GATECRASH_FRAME32_ES 36
#define GATECRASH_FRAME32_FS 40
#define GATECRASH_FRAME32_GS 44
#define GATECRASH_FRAME32_VECTOR 48
#define GATECRASH_FRAME32_ERROR 52
#define GATECRASH_FRAME32_EIP 56
#define GATECRASH_FRAME32_CS 60
#define GATECRASH_FRAME32_EFLAGS 64
#define GATECRASH_FRAME32_ESP 68
#define GATECRASH_FRAME32_SS 72
#define GATECRASH_FRAME32_SIZE 76

/* --- symbols that a guest may have, and what the harness makes of them ----------------------------------------------
 *
 *   exit_work              8 bytes, which must be 0 at END at CPL 3 (I14)
 *   breakpoints_refused    pairs of addresses; a pair of zeros ends them. From the first address up to the second,
 *                          which is not included, the guest's design has no breakpoints, so no #DB lands
 *   watchpoints_refused    pairs of addresses in the same form. The design never watches the bytes between them, so no
 *                          `watch` lands on them
 *   sets_trap_flag         of any content. It says that the guest sets RFLAGS.TF itself, so the harness steps it with
 *                          stop bytes
 *   interrupts_in_service  256 bits. When the harness delivers an external interrupt, it sets the bit of the vector,
 *                          as a local APIC does; the guest clears it. While a bit is set, no `irq` lands whose vector
 *                          has the same or smaller upper four bits (SDM volume 3, 10.8.3.1)
 *   ve_information         40 bytes, the virtualization-exception information area (SDM volume 3, 25.5.7.2). The
 *                          harness fills it in when a `ve` lands. While the 4 bytes at offset 4 are not 0, no other
 *                          `ve` lands; the guest clears them
 *   nesting_limits         pairs of a vector and a count, 8 bytes each; a count of 0 ends them. At most that many
 *                          bodies of the vector may run at once, each inside another; one more breaks I5. Without an
 *                          entry the limit is 1 for NMIs, and other vectors have none
 */

#if !defined(__ASSEMBLER__) && defined(__cplusplus)

#include <stddef.h>
#include <stdint.h>

namespace gatecrash::abi {

/// The stack as SAVE_REGS and the CPU leave it, lowest address first. An IRETQ frame starts at `rip`.
struct Frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t error;  ///< 0 for a vector without error code
    uint64_t rip, cs, rflags, rsp, ss;
};
static_assert(offsetof(Frame, r15) == GATECRASH_FRAME_R15);
static_assert(offsetof(Frame, r14) == GATECRASH_FRAME_R14);
static_assert(offsetof(Frame, r13) == GATECRASH_FRAME_R13);
static_assert(offsetof(Frame, r12) == GATECRASH_FRAME_R12);
static_assert(offsetof(Frame, rbp) == GATECRASH_FRAME_RBP);
static_assert(offsetof(Frame, rbx) == GATECRASH_FRAME_RBX);
static_assert(offsetof(Frame, r11) == GATECRASH_FRAME_R11);
static_assert(offsetof(Frame, r10) == GATECRASH_FRAME_R10);
static_assert(offsetof(Frame, r9) == GATECRASH_FRAME_R9);
static_assert(offsetof(Frame, r8) == GATECRASH_FRAME_R8);
static_assert(offsetof(Frame, rax) == GATECRASH_FRAME_RAX);
static_assert(offsetof(Frame, rcx) == GATECRASH_FRAME_RCX);
static_assert(offsetof(Frame, rdx) == GATECRASH_FRAME_RDX);
static_assert(offsetof(Frame, rsi) == GATECRASH_FRAME_RSI);
static_assert(offsetof(Frame, rdi) == GATECRASH_FRAME_RDI);
static_assert(offsetof(Frame, error) == GATECRASH_FRAME_ERROR);
static_assert(offsetof(Frame, rip) == GATECRASH_FRAME_RIP);
static_assert(offsetof(Frame, cs) == GATECRASH_FRAME_CS);
static_assert(offsetof(Frame, rflags) == GATECRASH_FRAME_RFLAGS);
static_assert(offsetof(Frame, rsp) == GATECRASH_FRAME_RSP);
static_assert(offsetof(Frame, ss) == GATECRASH_FRAME_SS);
static_assert(sizeof(Frame) == GATECRASH_FRAME_SIZE);

/// The stack as a 32-bit guest's SAVE_REGS32 and the CPU leave it, lowest address first. Bits 16 to 31 of a selector
/// may hold what the stack held before: CPUs differ (SDM volume 2, PUSH).
struct Frame32 {
    uint32_t edi, esi, ebp, esp_of_pusha, ebx, edx, ecx, eax;
    uint32_t ds, es, fs, gs;
    uint32_t vector;
    uint32_t error;  ///< 0 for a vector without error code
    uint32_t eip, cs, eflags;
    uint32_t esp, ss;  ///< only if the privilege level changed; from VM86 mode ES, DS, FS and GS follow
};
static_assert(offsetof(Frame32, edi) == GATECRASH_FRAME32_EDI);
static_assert(offsetof(Frame32, esi) == GATECRASH_FRAME32_ESI);
static_assert(offsetof(Frame32, ebp) == GATECRASH_FRAME32_EBP);
static_assert(offsetof(Frame32, esp_of_pusha) == GATECRASH_FRAME32_ESP_OF_PUSHA);
static_assert(offsetof(Frame32, ebx) == GATECRASH_FRAME32_EBX);
static_assert(offsetof(Frame32, edx) == GATECRASH_FRAME32_EDX);
static_assert(offsetof(Frame32, ecx) == GATECRASH_FRAME32_ECX);
static_assert(offsetof(Frame32, eax) == GATECRASH_FRAME32_EAX);
static_assert(offsetof(Frame32, ds) == GATECRASH_FRAME32_DS);
static_assert(offsetof(Frame32, es) == GATECRASH_FRAME32_ES);
static_assert(offsetof(Frame32, fs) == GATECRASH_FRAME32_FS);
static_assert(offsetof(Frame32, gs) == GATECRASH_FRAME32_GS);
static_assert(offsetof(Frame32, vector) == GATECRASH_FRAME32_VECTOR);
static_assert(offsetof(Frame32, error) == GATECRASH_FRAME32_ERROR);
static_assert(offsetof(Frame32, eip) == GATECRASH_FRAME32_EIP);
static_assert(offsetof(Frame32, cs) == GATECRASH_FRAME32_CS);
static_assert(offsetof(Frame32, eflags) == GATECRASH_FRAME32_EFLAGS);
static_assert(offsetof(Frame32, esp) == GATECRASH_FRAME32_ESP);
static_assert(offsetof(Frame32, ss) == GATECRASH_FRAME32_SS);
static_assert(sizeof(Frame32) == GATECRASH_FRAME32_SIZE);

/// One thing a handler body saw. Addresses of a 32-bit guest are zero-extended, here and below.
struct LogRecord {
    uint32_t kind;    ///< GATECRASH_LOG_*
    uint32_t vector;  ///< the vector that the entry stub was entered for
    uint64_t frame;   ///< virtual address of the Frame; a record is complete when this and `rflags` are not 0
    uint64_t error, rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(LogRecord) == GATECRASH_LOG_RECORD_SIZE);

/// The log ring. `head` counts the records written; it never exceeds GATECRASH_LOG_CAPACITY.
struct Log {
    uint64_t head;
    uint64_t reserved[7];
    LogRecord records[GATECRASH_LOG_CAPACITY];
};
static_assert(sizeof(Log) == GATECRASH_PAGE);

/// One stack, without its canaries: [low, high).
struct Stack {
    char name[16];
    uint64_t low, high;
};

/// Tells the harness where it finds what it needs to boot and check a guest. Every guest defines it as `gatecrash_abi`.
struct Descriptor {
    uint64_t magic;
    uint64_t version;
    uint64_t gdt, gdt_limit;
    uint64_t idt, idt_limit;
    uint64_t tss, tss_limit;
    uint64_t boot_stack;  ///< RSP at the ELF entry point
    uint64_t log;         ///< a Log, page-aligned
    uint64_t stacks;      ///< an array of Stack
    uint64_t stack_count;
};
static_assert(sizeof(Descriptor) == 96);

}  // namespace gatecrash::abi

#endif
#endif
