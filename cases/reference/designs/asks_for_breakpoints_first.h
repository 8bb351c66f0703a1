/* Checks a word that says whether there are breakpoints before it reads DR7. */
#define ASKS_FOR_BREAKPOINTS_FIRST
