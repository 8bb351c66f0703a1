/* Adds ESP and SS, which the CPU did not push, to each frame of the kernel. */
#define WHOLE_FRAMES
