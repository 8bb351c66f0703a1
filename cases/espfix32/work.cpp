// Edits the frame as the user asks, like a return from a signal handler.
#include "espfix32.h"
#include "reference32.hpp"

extern "C" void syscall_work(gatecrash::Frame* frame) {
    if (frame->eax == ESPFIX32_ABSENT_CODE_16_BIT_STACK) frame->ss = GATECRASH_LDT_DATA16;
    frame->cs = GATECRASH_LDT_CODE_ABSENT;
}
