# A tiny kernel that stays in 32-bit protected mode. A program of it makes a system call with INT 0x80 and one with
# SYSENTER: each is a window to sweep. Its last system call ends the kernel. HEADER_... says which header it has,
# PAGING_PSE or PAGING_PAE which page tables, and DEFECT_... plants a bug. Without PAGING_... there are no page tables.
# With USES_8259 interrupts come from there, not from the local APIC. ODD_MODES adds what cannot be swept: code of 16
# bits, code in a segment with a base, a program that may use ports, and a task gate for NMIs.
#
# DS, ES and FS of the program are a segment of its own, so each entry must load the kernel's. The kernel's FS is the data
# of the CPU.

        .set    kernel_cs, 0x08         # SYSENTER and SYSEXIT need these four in this order
        .set    kernel_ds, 0x10
        .set    user_cs, 0x18 + 3
        .set    user_ds, 0x20 + 3
        .set    tss_selector, 0x28
        .set    per_cpu_ds, 0x30
        .set    own_ds, 0x38 + 3        # the program's
        .set    code16_cs, 0x40
        .set    moved_cs, 0x48
        .set    nowhere, 0x10000000     # no page is there
        .set    sysenter_cs_msr, 0x174
        .set    sysenter_esp_msr, 0x175
        .set    sysenter_eip_msr, 0x176
#ifdef USES_8259
        .set    irq_vector, 0x28
#else
        .set    irq_vector, 0x30
#endif
        .set    apic, 0xfee00000

# The kernel is linked at `base` + 2 MiB and loaded at 2 MiB.
#if defined(PAGING_PSE) || defined(PAGING_PAE)
        .set    base, 0xc0000000
#else
        .set    base, 0
#endif

#include "headers.S"

# --- from the boot loader to the program -----------------------------------------------------------------------------
        .text
        .globl  start
start:
        movl    $boot_stack_end - base, %esp
        movl    %eax, %edi
        movl    %ebx, %esi
# Page tables: the first 4 MiB are where they are, and also at `base`, there in pages of 4 KiB. The local APIC is where
# it is. Everything may be used by the program: present, writable, user.
#if defined(PAGING_PSE) || defined(PAGING_PAE)
        movl    $small_pages - base, %ebx
        movl    $7, %eax
        xorl    %ecx, %ecx
1:
#ifdef PAGING_PSE
        movl    %eax, (%ebx, %ecx, 4)
#else
        movl    %eax, (%ebx, %ecx, 8)
#endif
        addl    $0x1000, %eax
        incl    %ecx
        cmpl    $1024, %ecx
        jb      1b
#endif
#ifdef PAGING_PSE
        movl    $root - base, %eax
        movl    $0x87, (%eax)
        movl    $small_pages - base + 7, (base >> 22) * 4(%eax)
        movl    $0xfec00087, (apic >> 22) * 4(%eax)
        movl    $0x10, %ecx             # PSE
#endif
#ifdef PAGING_PAE
        movl    $root - base, %eax
        movl    $low_tables - base + 1, (%eax)
        movl    $high_tables - base + 1, 24(%eax)
        movl    $0x87, low_tables - base
        movl    $0x200087, low_tables - base + 8
        movl    $small_pages - base + 7, high_tables - base
        movl    $small_pages - base + 0x1007, high_tables - base + 8
        movl    $0xfee00087, high_tables - base + (apic >> 21 & 511) * 8
        movl    $0x20, %ecx             # PAE
#endif
#if defined(PAGING_PSE) || defined(PAGING_PAE)
        movl    %eax, %cr3
        movl    %ecx, %cr4
        movl    $0x80000011, %eax
        movl    %eax, %cr0
#endif
        lgdt    gdt_pointer
        ljmp    $kernel_cs, $high
high:
        movl    $boot_stack_end, %esp
        movl    $kernel_ds, %eax
        movl    %eax, %ss
        movl    %eax, %ds
        movl    %eax, %es
        xorl    %eax, %eax
        movl    %eax, %gs
        movl    $per_cpu_ds, %eax
        movl    %eax, %fs
        movl    $per_cpu, %eax
        movl    $gdt + per_cpu_ds, %ecx
        call    set_base
        movl    $own_data, %eax
        movl    $gdt + own_ds - 3, %ecx
        call    set_base
        movl    $per_cpu_ds, %eax
        movl    %eax, %fs
        movl    $tss, %eax
        movl    $gdt + tss_selector, %ecx
        call    set_base
        movl    $tss_selector, %eax
        ltr     %ax
        call    make_gates
        lidt    idt_pointer
        movl    %edi, %eax              # -mregparm=3
        movl    %esi, %edx
        call    greet
#ifdef USES_8259
        movw    $0x20, %dx              # the master: line 0 raises 0x20, and is the only one that is unmasked
        movb    $0xfa, %bl
        movw    $0x0420, %cx
        call    start_8259
        movw    $0xa0, %dx              # the slave: line 8 raises 0x28
        movb    $0xfe, %bl
        movw    $0x0228, %cx
        call    start_8259
#else
        movb    $0xff, %al              # mask both 8259
        outb    %al, $0x21
        outb    %al, $0xa1
        movl    $0x1ff, apic + 0xf0     # the local APIC: on, spurious vector 0xff
#endif

        xorl    %edx, %edx
        movl    $sysenter_cs_msr, %ecx
        movl    $kernel_cs, %eax
        wrmsr
        movl    $sysenter_esp_msr, %ecx
#ifdef DEFECT_SYSENTER_STACK
        movl    $nowhere, %eax
#else
        movl    $stack_end, %eax
#endif
        wrmsr
        movl    $sysenter_eip_msr, %ecx
        movl    $entry_sysenter, %eax
        wrmsr

#ifdef ODD_MODES
        ljmp    $moved_cs, $moved - 0x1000
        .globl  moved
moved:  xchgw   %ax, %ax
        ljmp    $code16_cs, $code16
        .code16
        .globl  code16
code16: xchgl   %eax, %eax
        ljmpl   $kernel_cs, $usual
        .code32
usual:
#endif
        pushl   $user_ds
        pushl   $user_stack_end
#ifdef ODD_MODES
        pushl   $0x3202                 # the program may use ports
#else
        pushl   $0x202
#endif
        pushl   $user_cs
        pushl   $user
        movl    $own_ds, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %fs
        iret

#ifdef USES_8259
# Starts the 8259 at port DX. CL is its first vector, CH says how the two are connected, and BL is its mask.
start_8259:
        movb    $0x11, %al
        outb    %al, (%dx)
        incw    %dx
        movb    %cl, %al
        outb    %al, (%dx)
        movb    %ch, %al
        outb    %al, (%dx)
        movb    $1, %al
        outb    %al, (%dx)
        movb    %bl, %al
        outb    %al, (%dx)
        ret
#endif

# Sets the base of the descriptor at ECX to EAX.
set_base:
        movw    %ax, 2(%ecx)
        shrl    $16, %eax
        movb    %al, 4(%ecx)
        movb    %ah, 7(%ecx)
        ret

        .globl  user
user:
        xorl    %eax, %eax
        int     $0x80
        int     $13                     # not for the program: a #GP, which has an error code
        int     $14                     # for the program: no error code
        movl    $after_sysenter, %edx
        movl    %esp, %ecx
        sysenter
after_sysenter:
        movl    $1, %eax
        int     $0x80
        hlt

# --- system calls ----------------------------------------------------------------------------------------------------

        .macro  KERNEL_SEGMENTS
        movl    $kernel_ds, %ebx
        movl    %ebx, %ds
        movl    %ebx, %es
        movl    $per_cpu_ds, %ebx
        movl    %ebx, %fs
        .endm

# Handles a system call, in the segments of the kernel.
        .macro  SYSTEM_CALL
        pushl   %ebx
        pushl   %ds
        pushl   %es
        pushl   %fs
        KERNEL_SEGMENTS
        sti
        incl    %fs:syscalls - per_cpu
        call    handle_syscall
        cli
        popl    %fs
        popl    %es
        popl    %ds
        popl    %ebx
        .endm

        .globl  entry_int80, int80_exit
entry_int80:
        SYSTEM_CALL
int80_exit:
        iret
        .balign 16

# The program's ESP is in ECX, and where it goes on is in EDX.
        .globl  entry_sysenter, sysenter_exit
entry_sysenter:
#ifdef DEFECT_SYSENTER_STACK
        movl    $stack_end, %esp
#endif
        SYSTEM_CALL
sysenter_exit:
        sti
        sysexit

# --- interrupts ------------------------------------------------------------------------------------------------------

# Calls `body` with the kernel's segments, whichever were interrupted.
        .macro  ENTRY name body
        .globl  \name
\name:
        pushal
        pushl   %ds
        pushl   %es
        pushl   %fs
        KERNEL_SEGMENTS
        \body
        popl    %fs
        popl    %es
        popl    %ds
        popal
        iret
        .endm

        .macro  COUNT_NMI
        incl    nmis
        .endm
        .macro  COUNT_IRQ
        incl    irqs
#ifdef USES_8259
        movb    $0x20, %al              # end of interrupt
#ifndef DEFECT_SLAVE_ONLY
        outb    %al, $0x20
#endif
        outb    %al, $0xa0
#else
        movl    $0, apic + 0xb0         # end of interrupt
#endif
        .endm
        .macro  NOTHING
        .endm

#if defined(DEFECT_NMI_WITHOUT_DS)
# An NMI handler that has no DS of its own.
        .globl  entry_nmi
entry_nmi:
        incl    nmis
        iret
#elif defined(DEFECT_NMI_KEEPS_DS)
# An NMI handler that leaves the kernel's DS to what it interrupted.
        .globl  entry_nmi
entry_nmi:
        pushl   %ebx
        movl    $kernel_ds, %ebx
        movl    %ebx, %ds
        incl    nmis
        popl    %ebx
        iret
#elif defined(DEFECT_NMI_FS_BY_CS)
# An NMI handler that takes FS for the kernel's if the interrupted CS is.
        .globl  entry_nmi
entry_nmi:
        pushl   %eax
        pushl   %fs
        testb   $3, 12(%esp)
        jz      1f
        movl    $per_cpu_ds, %eax
        movl    %eax, %fs
1:      incl    %fs:nmis - per_cpu
        popl    %fs
        popl    %eax
        iret
#elif defined(DEFECT_STATIC_SAVE)
# The handlers of NMIs and of #DB save EBX in the same place, which the other one overwrites.
        .globl  entry_nmi, entry_db
entry_nmi:
        movl    %ebx, %ss:saved_ebx
        movl    $1, %ebx
        addl    %ebx, %ss:nmis
        movl    %ss:saved_ebx, %ebx
        iret
entry_db:
        movl    %ebx, %ss:saved_ebx
        movl    $2, %ebx
        nop
        movl    %ss:saved_ebx, %ebx
        iret
#else
        ENTRY   entry_nmi COUNT_NMI
#endif
#ifdef DEFECT_IRQ_CLOBBERS
# An interrupt handler that does not give ECX back.
        .globl  entry_irq
entry_irq:
        movl    $apic + 0xb0, %ecx
        incl    %ss:irqs
        movl    $0, %ss:(%ecx)
        iret
#else
        ENTRY   entry_irq COUNT_IRQ
#endif
#ifdef USES_8259
        .macro  END_TIMER
        movb    $0x20, %al
        outb    %al, $0x20
        .endm
        ENTRY   entry_timer END_TIMER
#endif
#ifndef DEFECT_STATIC_SAVE
        ENTRY   entry_db NOTHING
#endif

# A #GP of the program: goes on after its INT.
        .globl  entry_gp, entry_int14
entry_gp:
        testb   $3, 8(%esp)             # error code, EIP, CS
        jz      entry_others + 13 * 16
        addl    $2, 4(%esp)
        addl    $4, %esp
        iret

entry_int14:
        iret

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
        KERNEL_SEGMENTS
        movl    $boot_stack_end, %esp
        movl    %edi, %eax
        call    panic

# Makes the IDT.
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
#ifdef USES_8259
        movl    $0x20, %ecx
        movl    $entry_timer, %eax
        call    make_gate
#endif
        movl    $irq_vector, %ecx
        movl    $entry_irq, %eax
        call    make_gate
        movl    $2, %ecx
        movl    $entry_nmi, %eax
        call    make_gate
        movl    $0x80, %ecx
        movl    $entry_int80, %eax
        call    make_gate
        movl    $13, %ecx
        movl    $entry_gp, %eax
        call    make_gate
        movl    $14, %ecx
        movl    $entry_int14, %eax
        call    make_gate
        movb    $0xee, idt + 0x80 * 8 + 5       # for the program, too
        movb    $0xee, idt + 14 * 8 + 5
#ifdef ODD_MODES
        movl    $tss_selector << 16, idt + 2 * 8
        movl    $0x8500, idt + 2 * 8 + 4
#endif
        ret

# Lets the gate of vector ECX lead to EAX.
make_gate:
        movw    %ax, idt(, %ecx, 8)
        movw    $kernel_cs, idt + 2(, %ecx, 8)
        movw    $0x8e00, idt + 4(, %ecx, 8)
        shrl    $16, %eax
        movw    %ax, idt + 6(, %ecx, 8)
        ret

# --- data ------------------------------------------------------------------------------------------------------------
        .data
        .balign 16
gdt:
        .quad   0
        .quad   0x00cf9b000000ffff      # kernel code
        .quad   0x00cf93000000ffff      # kernel data
        .quad   0x00cffb000000ffff      # user code
        .quad   0x00cff3000000ffff      # user data
        .quad   0x0000890000000067      # TSS
        .quad   0x0040930000000fff      # per-CPU data
        .quad   0x0040f30000000fff      # the program's own
        .quad   0x008f9b000000ffff      # kernel code of 16 bits
        .quad   0x00cf9b001000ffff      # kernel code that is 0x1000 above EIP
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt
idt_pointer:
        .word   256 * 8 - 1
        .long   idt
        .balign 16
tss:
        .long   0
        .long   stack_end, kernel_ds    # ESP0, SS0
        .fill   22, 4, 0
        .word   0, 0x68

        .balign 16
        .globl  per_cpu, syscalls, nmis, irqs
per_cpu:
syscalls:
        .long   0
nmis:   .long   0
irqs:   .long   0
saved_ebx:
        .long   0
        .balign 16
own_data:
        .fill   64

        .bss
        .balign 4096
root:   .skip   4096
low_tables:
        .skip   4096
high_tables:
        .skip   4096
small_pages:
        .skip   8192
idt:    .skip   4096
        .skip   4096
boot_stack_end:
        .skip   4096
stack_end:
        .skip   4096
user_stack_end:
        .section .note.GNU-stack, "", @progbits
