// Does the work of the NMI's body: it takes an exception, whose IRET unmasks NMIs (SDM volume 3, 6.7.1).
        .text
        .globl nmi_work
        .type nmi_work, @function
nmi_work:
#ifdef BODY_ENABLES_INTERRUPTS
        sti
#endif
        int3
        ret
