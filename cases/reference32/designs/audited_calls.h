/* Makes each of the three calls begin something that its exit must end. */
#define AUDITED_CALLS 3
