/* Emulates a site although its text has the instruction again, which the handler then skips. */
#define is_restored(address) false
