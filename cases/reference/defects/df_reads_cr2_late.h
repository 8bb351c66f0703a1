/* Reads CR2 in #DF only after it has read the interrupted stack, which may fault and overwrite CR2 (I12). */
#define dump_interrupted(frame, cr2) \
    dump_stack(frame);               \
    READ("cr2", cr2)
