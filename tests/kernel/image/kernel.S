# A tiny 64-bit kernel that a boot loader starts in 32-bit mode. A program of it makes two system calls: the first one is
# a window to sweep, and the second one ends the kernel. HEADER_... says which header it has, and DEFECT_... plants a bug.

        .set    kernel_cs, 0x08
        .set    kernel_ds, 0x10
        .set    user_cs32, 0x18         # SYSRET adds 16 for CS and 8 for SS
        .set    tss_selector, 0x30
        .set    nowhere, 0x7000000000   # no page is there
        .set    gs_base_msr, 0xc0000101
        .set    kernel_gs_base_msr, 0xc0000102

        .set    base, 0                 # it is loaded where it is linked
#include "headers.S"

# --- from 32-bit mode into 64-bit mode -------------------------------------------------------------------------------
        .text
        .code32
        .globl  start
start:
        movl    $boot_stack_end, %esp
        movl    %eax, %edi
        movl    %ebx, %esi
        # The first 4 GiB, in pages of 2 MiB: present, writable, user.
        movl    $tables + 0x1007, tables
        xorl    %ecx, %ecx
1:      leal    tables + 0x2007(, %ecx, 8), %eax
        movl    %ecx, %edx
        shll    $12, %edx
        leal    tables + 0x2007(%edx), %eax
        movl    %eax, tables + 0x1000(, %ecx, 8)
        incl    %ecx
        cmpl    $4, %ecx
        jb      1b
        xorl    %ecx, %ecx
1:      movl    %ecx, %eax
        shll    $21, %eax
        orl     $0x87, %eax
        movl    %eax, tables + 0x2000(, %ecx, 8)
        incl    %ecx
        cmpl    $2048, %ecx
        jb      1b
        movl    $tables, %eax
        movl    %eax, %cr3
        movl    $0x20, %eax             # PAE
        movl    %eax, %cr4
        movl    $0xc0000080, %ecx       # EFER: SCE, LME
        movl    $0x101, %eax
        xorl    %edx, %edx
        wrmsr
        movl    $0x80000011, %eax
        movl    %eax, %cr0
        lgdt    gdt_pointer
        ljmp    $kernel_cs, $start64

        .code64
start64:
        movl    $kernel_ds, %eax
        movl    %eax, %ss
        xorl    %eax, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    $tss, %eax
        movw    %ax, gdt_tss + 2
        shrl    $16, %eax
        movb    %al, gdt_tss + 4
        movb    %ah, gdt_tss + 7
        movl    $tss_selector, %eax
        ltr     %ax
        pushq   %rdi
        pushq   %rsi
        call    make_gates
        popq    %rsi
        popq    %rdi
        call    greet
        lidt    idt_pointer
        movb    $0xff, %al              # mask both 8259
        outb    %al, $0x21
        outb    %al, $0xa1
        movl    $0xfee000f0, %eax       # the local APIC: on, spurious vector 0xff
        movl    $0x1ff, (%rax)

        movl    $gs_base_msr, %ecx
        movl    $user_data, %eax
        xorl    %edx, %edx
        wrmsr
        movl    $kernel_gs_base_msr, %ecx
        movl    $per_cpu, %eax
        wrmsr
        movl    $0xc0000081, %ecx       # STAR
        xorl    %eax, %eax
        movl    $user_cs32 << 16 | kernel_cs, %edx
        wrmsr
        movl    $0xc0000082, %ecx       # LSTAR
        movl    $entry_syscall, %eax
        xorl    %edx, %edx
        wrmsr
        movl    $0xc0000084, %ecx       # FMASK: IF, DF, TF
        movl    $0x700, %eax
        wrmsr
        movl    $user, %ecx
        movl    $0x202, %r11d
        sysretq

# --- system calls ----------------------------------------------------------------------------------------------------
        .globl  entry_syscall
entry_syscall:
        swapgs
        movq    %rsp, %gs:user_rsp - per_cpu
        movq    %gs:kernel_rsp - per_cpu, %rsp
        pushq   %r11
        pushq   %rcx
        sti
        call    handle_syscall
        cli
        popq    %rcx
        popq    %r11
        movq    %gs:user_rsp - per_cpu, %rsp
        swapgs
        .globl  syscall_exit
syscall_exit:
        sysretq

        .globl  user
user:
        movabsq $nowhere, %rsp
        xorl    %eax, %eax
        syscall
        movl    $1, %eax
        syscall
        hlt

# --- interrupts ------------------------------------------------------------------------------------------------------

# Calls `body` with the kernel's GS base. The GS base is the user's if user mode was interrupted, and also near SWAPGS.
        .macro  ENTRY name body defect=0
        .globl  \name
\name:
        pushq   %rax
        pushq   %rcx
        pushq   %rdx
        pushq   %rbx
        xorl    %ebx, %ebx
        .if     \defect
        testb   $3, 40(%rsp)            # the CS that was interrupted
        jz      1f
        .else
        movl    $gs_base_msr, %ecx
        rdmsr
        cmpl    $per_cpu, %eax
        je      1f
        .endif
        swapgs
        incl    %ebx
1:      \body
        testl   %ebx, %ebx
        jz      1f
        swapgs
1:      popq    %rbx
        popq    %rdx
        popq    %rcx
        popq    %rax
        iretq
        .endm

        .macro  COUNT_NMI
        incq    %gs:nmis - per_cpu
        .endm
        .macro  COUNT_IRQ
        incq    %gs:irqs - per_cpu
        movl    $0xfee000b0, %eax       # end of interrupt
        movl    $0, (%rax)
        .endm
        .macro  NOTHING
        .endm

#ifdef DEFECT_GS_BY_CS
        ENTRY   entry_nmi COUNT_NMI 1
#else
        ENTRY   entry_nmi COUNT_NMI
#endif
        ENTRY   entry_irq COUNT_IRQ
        ENTRY   entry_db NOTHING

# The other vectors, 16 bytes each.
        .balign 16
entry_others:
        .set    vector, 0
        .rept   256
        .balign 16
        movl    $vector, %edi
        jmp     give_up
        .set    vector, vector + 1
        .endr
give_up:
        movl    $boot_stack_end, %esp
        call    panic

# Makes the IDT: NMI, #DB and the interrupt have gates of their own.
make_gates:
        xorl    %ecx, %ecx
1:      movl    %ecx, %eax
        shll    $4, %eax
        addl    $entry_others, %eax
        call    make_gate
        incl    %ecx
        cmpl    $256, %ecx
        jb      1b
        movl    $1, %ecx
        movl    $entry_db, %eax
        call    make_gate
        movl    $0x30, %ecx
        movl    $entry_irq, %eax
        call    make_gate
        movl    $2, %ecx
        movl    $entry_nmi, %eax
        call    make_gate
#ifndef DEFECT_NO_IST
        movb    $1, idt + 2 * 16 + 4
#endif
        movb    $2, idt + 1 * 16 + 4
        ret

# Lets the gate of vector ECX lead to EAX.
make_gate:
        movl    %ecx, %edx
        shll    $4, %edx
        movw    %ax, idt(%rdx)
        movw    $kernel_cs, idt + 2(%rdx)
        movw    $0x8e00, idt + 4(%rdx)
        shrl    $16, %eax
        movw    %ax, idt + 6(%rdx)
        ret

# --- data ------------------------------------------------------------------------------------------------------------
        .data
        .balign 16
gdt:
        .quad   0
        .quad   0x00af9b000000ffff      # kernel code
        .quad   0x00cf93000000ffff      # kernel data
        .quad   0
        .quad   0x00cff3000000ffff      # user data
        .quad   0x00affb000000ffff      # user code
gdt_tss:
        .quad   0x0000890000000067, 0
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .quad   gdt
idt_pointer:
        .word   0xfff
        .quad   idt
        .balign 16
tss:
        .long   0
        .quad   stack_end, 0, 0         # RSP0 to RSP2
        .quad   0
        .quad   nmi_stack_end, db_stack_end, 0, 0, 0, 0, 0      # IST 1 to 7
        .quad   0
        .word   0, 0x68

        .balign 16
        .globl  per_cpu, nmis, irqs
per_cpu:
kernel_rsp:
        .quad   stack_end
user_rsp:
        .quad   0
nmis:   .quad   0
irqs:   .quad   0
user_data:
        .fill   64

        .bss
        .balign 4096
tables: .skip   4096 * 6
idt:    .skip   4096
        .skip   4096
boot_stack_end:
        .skip   4096
stack_end:
        .skip   4096
nmi_stack_end:
        .skip   4096
db_stack_end:
        .section .note.GNU-stack, "", @progbits
