/* Leaves out SWAPGS after a fault of the load of the user's GS: the body runs with the user's GS base (I2). */
#define SWAP_GS_OF_GS_CHANGE_BACK
