/* Does not mark the end of an NMI by DF: a user's RSP on the NMI stack looks like an NMI that ends. */
#define FIRST_UNLESS_DF_MARKS_EXIT
#define MARK_EXIT_BY_DF
