/* Executes VERW before user code runs. */
#define WITH_VERW
