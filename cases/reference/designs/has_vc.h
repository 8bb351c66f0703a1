/* Has an entry of #VC, on the stack that was interrupted. */
#define HAS_VC
