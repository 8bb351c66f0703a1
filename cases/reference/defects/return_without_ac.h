/* Clears AC in each frame: the kernel goes on without, where it uses user memory. */
#define set_return_flags(frame, debug_status) \
    (let_instruction_pass(frame, debug_status), frame->rflags &= ~uint64_t{RFLAGS_AC})
