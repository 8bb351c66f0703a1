/* Addresses that a schedule may name. */
#ifndef GATECRASH_REFERENCE_ADDRESSES_H
#define GATECRASH_REFERENCE_ADDRESSES_H

#include "gatecrash/abi.h"

/* The address at which trace points and profilers read the user's stack. A schedule may make its page absent. */
#define REFERENCE_TRACED (GATECRASH_USER_STACK + 0x100)
/* The address of the workload's page fault. Nothing is mapped there. */
#define REFERENCE_ABSENT 0x600000
/* The address of the page fault in an NMI's body. Nothing is mapped there. */
#define NMI_ABSENT 0x700000

#endif
