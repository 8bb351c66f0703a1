/* Ignores a #DB of which DR6 says nothing. INT1 makes such a #DB. */
#define is_spurious(vector, debug_status) (vector == GATECRASH_VECTOR_DB && debug_status == 0)
