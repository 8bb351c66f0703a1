/* Reads the CPU's number from TSC_AUX, which is lent to a guest while that runs. */
#define READ_CPU_NUMBER rdtscp
#include "designs/per_cpu_by_number.h"
