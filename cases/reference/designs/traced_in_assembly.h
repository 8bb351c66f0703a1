/* Has trace points in the entry itself, which follow the user's stack and so may fault. */
#define TRACED_IN_ASSEMBLY
