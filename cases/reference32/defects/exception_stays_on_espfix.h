/* Leaves an exception on the stack segment of espfix, where ESP is not flat (I4). */
#define TO_KERNEL_SEGMENTS LOAD_KERNEL_SEGMENTS
