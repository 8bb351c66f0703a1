/* Leaves out CLAC: handlers run with the AC that they interrupted, which switches SMAP off (I11). */
#define CLEAR_AC
