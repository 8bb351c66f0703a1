/* Keeps the user's NT after SYSENTER (I11). */
#define CLEAR_FLAGS_OF_SYSENTER pushfl; andl $(2 | RFLAGS_NT), (%esp); popfl
