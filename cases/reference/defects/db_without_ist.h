/* Leaves #DB without an IST stack: it comes on whatever stack the CPU has. */
#define IST_OF_DB 0
