/* Does not mark the end of an NMI with DF. If the user's RSP is on the NMI stack, that looks like an NMI which is about
 * to end. */
#define FIRST_UNLESS_DF_MARKS_EXIT
#define MARK_EXIT_BY_DF
