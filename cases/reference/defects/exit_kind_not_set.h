/* Does not note that a fault of the exit's IRET returns to CPL 3: RBX still has the user's value. */
#define EXIT_OF_RETURN_FAULT_IS_TO_USER
#include "designs/exit_kind_in_ebx.h"
