/* Reads the argument from where EBP points to, also if that is the kernel's memory. */
#define CHECK_ADDRESS_OF_ARGUMENT
#include "designs/sysenter_reads_argument.h"
