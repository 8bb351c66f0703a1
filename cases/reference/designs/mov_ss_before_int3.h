/* Refuses breakpoints only from the second instruction of the entry of #BP: one that a MOV SS delayed may hit the
 * first. */
#define FIRST_WITHOUT_BREAKPOINTS .Lafter_first_of_bp
