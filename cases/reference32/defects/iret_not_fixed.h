/* Has no fixup for the IRET to user code, which may fault (I9). */
#define FIXUPS_OF_IRET
