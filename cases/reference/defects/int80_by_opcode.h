/* Checks whether INT 0x80 stands before RIP, which is no proof, since an interrupt may arrive right after the INT. The
 * kernel cannot read text while the harness steps it, so the workload says where the INT is. */
#define is_external(frame) (frame->rip != reinterpret_cast<uint64_t>(user_int80_back))
#include "designs/int80_syscalls.h"
