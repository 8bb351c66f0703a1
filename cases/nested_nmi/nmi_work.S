// What the NMI's body does: take an exception, whose IRET ends the CPU's masking of NMIs (SDM volume 3, 6.7.1).
        .text
        .globl nmi_work
        .type nmi_work, @function
nmi_work:
#ifdef BODY_ENABLES_INTERRUPTS
        sti
#endif
        int3
        ret
