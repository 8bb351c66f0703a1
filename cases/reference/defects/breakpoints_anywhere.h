/* Refuses no breakpoint: one may hit in entry text and in bodies, where a #DB overwrites the frame of another one. */
#define REFUSE_BREAKPOINTS
