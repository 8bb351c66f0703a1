/* Breakpoints are refused from the second instruction of #BP's entry on: one that a MOV SS put off may hit there. */
#define FIRST_WITHOUT_BREAKPOINTS .Lafter_first_of_bp
