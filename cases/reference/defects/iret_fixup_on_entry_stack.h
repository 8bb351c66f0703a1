/* Leaves a fault of the exit's IRET on the entry stack: the next entry from CPL 3 overwrites its frame (I4). */
#define RETURN_FAULT_TO_TASK_STACK
