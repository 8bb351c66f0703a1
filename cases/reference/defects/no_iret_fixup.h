/* Does not look for the exit's IRET: its fault is handled as the kernel's, with the user's GS base and CR3. */
#define FIX_FAULT_OF_RETURN
