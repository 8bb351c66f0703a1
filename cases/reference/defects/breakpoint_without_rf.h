/* Does not set RF in the frame of a breakpoint on an instruction: it comes again after the IRET (I7). */
#define set_return_flags(frame, debug_status)
