/* Ignores a #DB of which DR6 says nothing, as of INT1. */
#define is_spurious(vector, debug_status) (vector == GATECRASH_VECTOR_DB && debug_status == 0)
