/* Adds an entry of #VC, which runs on the interrupted stack. */
#define HAS_VC
