// What workload.S and work.cpp have in common.
#pragma once

#define OTHER_TASK 0x4f746872  // EAX of the SYSENTER that wakes a handler which sleeps
