/* What the workload of the debug variants asks of the kernel, in EAX of SYSCALL. */
#ifndef GATECRASH_DEBUG_WORK_H
#define GATECRASH_DEBUG_WORK_H

#define WORK_COPY 1    /* read what is on the user's stack */
#define WORK_REPORT 2  /* say whether the INT 1 in front of it was handled */
#define WORK_WINDOWS 3 /* the windows at CPL 0 */

#endif
