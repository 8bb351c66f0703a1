/* Does not recognise the exit's IRET, and handles its fault as the kernel's, with the user's GS base and CR3. */
#define FIX_FAULT_OF_RETURN
