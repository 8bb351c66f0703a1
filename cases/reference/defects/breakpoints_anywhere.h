/* Refuses no breakpoint: one may hit in entry text and in bodies, where #DB overwrites another's frame. */
#define REFUSE_BREAKPOINTS
