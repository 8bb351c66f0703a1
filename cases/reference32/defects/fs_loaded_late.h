/* Loads the kernel's FS only after it has left the espfix segment, whose base it reads through FS (I2). */
#define TO_KERNEL_SEGMENTS LEAVE_ESPFIX_WITH_MARK; LOAD_KERNEL_SEGMENTS
#include "designs/espfix_base_in_per_cpu_data.h"
