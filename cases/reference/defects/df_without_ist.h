/* Gives #DF no IST stack: the CPU pushes its frame on the full stack that made the first exception fault. */
#define IST_OF_DF 0
