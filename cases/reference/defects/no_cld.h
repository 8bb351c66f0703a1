/* Leaves out CLD, and keeps DF where the entry clears flags: handlers run with the interrupted DF (I11). */
#define CLEAR_DF
#define CLEAR_FLAGS pushfq; andq $(RFLAGS_DF | 2), (%rsp); popfq
