// The numbers of the calls of sysenter32's workload, in EAX.
#pragma once

#define CALL_NOTHING 0
#define CALL_SET_IOPL 1
#define CALL_ENTER_VM86 2
