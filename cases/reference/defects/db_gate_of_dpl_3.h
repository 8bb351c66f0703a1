/* Lets user code raise #DB by INT 1, which sets no bit of DR6. */
#define DPL_OF_DB 3
