/* Leaves breakpoints on in handlers on an IST stack: a second #DB overwrites the frame of the first (I4). */
#define ParanoidBreakpoints ParanoidBreakpointsOn
#ifndef __ASSEMBLER__
struct ParanoidBreakpointsOn {};
#endif
