/* Leaves an NMI on the stack segment of espfix, where ESP is not flat (I4). */
#define LEAVE_ESPFIX_OF_NMI
