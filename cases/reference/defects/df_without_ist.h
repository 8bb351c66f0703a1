/* Leaves #DF without an IST stack: it comes on the stack whose end made the first exception fault. */
#define IST_OF_DF 0
