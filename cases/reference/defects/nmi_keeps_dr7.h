/* Leaves breakpoints on in an NMI's body: #DB's IRET unmasks NMIs. */
#define NmiBreakpoints NmiBreakpointsOn
#ifndef __ASSEMBLER__
struct NmiBreakpointsOn {};
#endif
