/* Handles a fault of the exit's IRET as one of the kernel: the context still is the user's (I10). */
#define DEFECT_RETURN_FAULT_IS_THE_KERNELS
#define BODY_OF_RETURN_FAULT exception_body_without_context
