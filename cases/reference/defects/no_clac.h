/* Leaves out CLAC: handlers run with the interrupted AC, which switches SMAP off (I11). */
#define CLEAR_AC
