/* Takes every vector 0x80 for a system call, even an external interrupt. */
#define is_external(frame) (static_cast<void>(frame), false)
#include "designs/int80_syscalls.h"
