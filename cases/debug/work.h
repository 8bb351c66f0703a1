/* The requests of the debug variants' workload to the kernel, in EAX of SYSCALL. */
#ifndef GATECRASH_DEBUG_WORK_H
#define GATECRASH_DEBUG_WORK_H

#define WORK_COPY 1    /* read two words from the user's stack */
#define WORK_REPORT 2  /* check that the kernel handled the preceding INT 1 */
#define WORK_WINDOWS 3 /* run the windows at CPL 0 */

#endif
