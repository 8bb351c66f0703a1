/* Takes every vector 0x80 for a system call, also one from outside. */
#define is_external(frame) (static_cast<void>(frame), false)
#include "designs/int80_syscalls.h"
