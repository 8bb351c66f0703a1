/* Reads the base of the espfix stack segment from per-CPU data, through FS. */
#define ESPFIX_BASE_IN_PER_CPU_DATA
