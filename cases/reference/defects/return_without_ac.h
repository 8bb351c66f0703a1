/* Clears AC in each frame: the access to user memory that faulted goes on without, and faults again. */
#define set_return_flags(frame, debug_status) \
    (let_instruction_pass(frame, debug_status), frame->rflags &= ~uint64_t{RFLAGS_AC})
