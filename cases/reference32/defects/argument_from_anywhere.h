/* Reads the argument from the address in EBP, even if that is kernel memory. */
#define CHECK_ADDRESS_OF_ARGUMENT
#include "designs/sysenter_reads_argument.h"
