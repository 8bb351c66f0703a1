/* Keeps the user's DF after SYSENTER (I11). */
#define CLEAR_FLAGS_OF_SYSENTER pushfl; andl $(2 | RFLAGS_DF), (%esp); popfl
