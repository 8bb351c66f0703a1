/* Does not say that a fault of the exit's IRET ends at CPL 3: RBX still is what the user had in it. */
#define EXIT_OF_RETURN_FAULT_IS_TO_USER
#include "designs/exit_kind_in_ebx.h"
