/* Asks whether INT 0x80 stands before RIP, which says nothing about an interrupt that came there. Text cannot be read
 * while it is stepped, so the workload says where. */
#define is_external(frame) (frame->rip != reinterpret_cast<uint64_t>(user_int80_back))
#include "designs/int80_syscalls.h"
