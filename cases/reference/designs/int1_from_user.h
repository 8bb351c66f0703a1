/* INT 1 of the user's is allowed: it stands for INT1, which no gate refuses. */
#define INT1_FROM_USER
#define DPL_OF_DB 3
