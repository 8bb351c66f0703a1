/* Keeps the user's AC after SYSENTER (I11). */
#define CLEAR_FLAGS_OF_SYSENTER pushfl; andl $(2 | RFLAGS_AC), (%esp); popfl
