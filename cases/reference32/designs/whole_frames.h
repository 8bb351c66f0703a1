/* Gives each frame of the kernel's an ESP and SS, which the CPU did not push. */
#define WHOLE_FRAMES
