/* Emulates a site whose text has its instruction again, with what is not its CALL any more. */
#define is_restored(address) false
