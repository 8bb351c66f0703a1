/* Keeps the user's TF after SYSENTER (I11). */
#define CLEAR_FLAGS_OF_SYSENTER pushfl; andl $(2 | RFLAGS_TF), (%esp); popfl
