/* Reads CR2 in #DF after it looked at what was interrupted, which may fault and overwrite it (I12). */
#define dump_interrupted(frame, cr2) \
    dump_stack(frame);               \
    READ("cr2", cr2)
