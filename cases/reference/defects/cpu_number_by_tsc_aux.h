/* Reads the CPU's number from TSC_AUX, which holds a guest's value while that guest runs. */
#define READ_CPU_NUMBER rdtscp
#include "designs/per_cpu_by_number.h"
