/* Does not set RF in the frame of an instruction breakpoint, which triggers again after the IRET (I7). */
#define set_return_flags(frame, debug_status)
