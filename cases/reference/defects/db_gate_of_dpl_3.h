/* Lets user code raise #DB by INT 1, with a DR6 that says nothing. */
#define DPL_OF_DB 3
