/* Has each call begin something that its way out ends. There are so many calls. */
#define AUDITED_CALLS 3
