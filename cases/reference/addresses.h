/* Addresses that a schedule may name. */
#ifndef GATECRASH_REFERENCE_ADDRESSES_H
#define GATECRASH_REFERENCE_ADDRESSES_H

#include "gatecrash/abi.h"

/* Where trace points and profilers read the user's stack: a page that a schedule may have absent. */
#define REFERENCE_TRACED (GATECRASH_USER_STACK + 0x100)
/* What the workload's page fault is for. Nothing is there. */
#define REFERENCE_ABSENT 0x600000
/* What an NMI's body does without. Nothing is there. */
#define NMI_ABSENT 0x700000

#endif
