/* Finds the base of the espfix stack segment in per-CPU data, by FS. */
#define ESPFIX_BASE_IN_PER_CPU_DATA
