/* Does not restore FS: user code keeps the kernel's. */
#define RESTORE_FS addl $4, %esp
