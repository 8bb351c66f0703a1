/* Does not mark the end of an NMI with DF: a user's RSP on the NMI stack looks like an NMI that is about to end. */
#define FIRST_UNLESS_DF_MARKS_EXIT
#define MARK_EXIT_BY_DF
