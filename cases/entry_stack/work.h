// The constant that workload.S and work.cpp share.
#pragma once

#define OTHER_TASK 0x4f746872  // EAX of the SYSENTER that wakes the sleeping handler
