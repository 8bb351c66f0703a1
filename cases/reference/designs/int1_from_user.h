/* Allows user code to execute INT 1, which stands for INT1: no gate can refuse that. */
#define INT1_FROM_USER
#define DPL_OF_DB 3
