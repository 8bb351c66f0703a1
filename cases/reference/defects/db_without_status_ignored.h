/* Ignores a #DB without a bit in DR6. INT1 raises such a #DB. */
#define is_spurious(vector, debug_status) (vector == GATECRASH_VECTOR_DB && debug_status == 0)
