/* Clears AC in each frame: an access to user memory that faulted is repeated without AC, and faults again. */
#define set_return_flags(frame, debug_status) \
    (let_instruction_pass(frame, debug_status), frame->rflags &= ~uint64_t{RFLAGS_AC})
