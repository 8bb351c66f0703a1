/* Takes the traps of the user's TF after SYSENTER for traps of the kernel (I8). */
#define is_step_of_users_flag(frame) false
