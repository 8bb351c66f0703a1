/* Has a loop of the kernel in which the CPU is idle: a context of its own, which what interrupts it borrows from. */
#define IDLES
