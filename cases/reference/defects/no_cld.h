/* Leaves out CLD, and keeps DF where flags are cleared: handlers run with the DF that they interrupted (I11). */
#define CLEAR_DF
#define CLEAR_FLAGS pushfq; andq $(RFLAGS_DF | 2), (%rsp); popfq
