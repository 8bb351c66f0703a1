/* Leaves out SWAPGS after a fault of the exit's IRET: the body runs with the user's GS base (I2). */
#define SWAP_GS_OF_RETURN_BACK
