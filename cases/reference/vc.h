/* The entry of #VC, in guests that have one. For entry.S only, since a guest may define it only once. */

#ifdef HAS_VC
// #VC: runs on the entry stack from CPL 3, and on the interrupted stack from CPL 0.
ENTRY entry_vc
        EXPECT_ERROR_CODE GATECRASH_VECTOR_VC
        EXCEPTION GATECRASH_VECTOR_VC
#endif

#ifdef VC_ON_IST
        .globl ist_of_vc
        ist_of_vc = GATECRASH_IST_VC
        // This TSS is writable, since an NMI changes the IST entry of #VC.
        .section .entry.data, "aw"
        .globl tss, tss_ist_vc
        .balign 16
tss:
        TSS vc_stack_top
        tss_ist_vc = tss + 36 + 8 * (GATECRASH_IST_VC - 1)
        .bss
        .globl vc_stack, vc_stack_top
        .balign 16
vc_stack:
        .fill 1024
vc_stack_top:
        .section .entry.text, "ax"

/* Copies everything on the IST stack to the interrupted stack, and continues there. RSP is at the error code, and
 * afterwards at the saved RDI. */
.macro LEAVE_VC_STACK
        pushq %rdi
        movq FROM_RDI(RSP)(%rsp), %rdi
        subq $7 * 8, %rdi
        word = 0
        .rept 7                         // RDI, error code, RIP, CS, RFLAGS, RSP, SS
        pushq word(%rsp)
        popq word(%rdi)
        word = word + 8
        .endr
        movq %rdi, %rsp
.endm

// #VC, raised by INT, which pushes no error code. The IST stack only serves the delivery: from CPL 0 the entry copies
// the frame to the interrupted stack and continues there.
ENTRY entry_vc
        pushq $0
        CLEAR_DF_AND_AC
        testb $3, FROM_ERROR(CS)(%rsp)
        jnz 1f
        LEAVE_VC_STACK
PLACE vc_stack_left
        SAVE_REGS_BUT_RDI
        CALL_EXCEPTION_BODY GATECRASH_VECTOR_VC
        jmp RETURN_TO_KERNEL
1:      ENTER_FROM_USER
        CALL_EXCEPTION_BODY GATECRASH_VECTOR_VC
        jmp RETURN_TO_USER
#endif
