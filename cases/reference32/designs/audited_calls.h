/* Has each call, of which there are three, begin something that its way out ends. */
#define AUDITED_CALLS 3
