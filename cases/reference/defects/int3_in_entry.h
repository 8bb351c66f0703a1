/* Starts the entry of interrupts with an INT3, as if a tracer patched it: #BP arrives with the user's GS base. */
#define BEGIN_IRQ int3; CLEAR_DF_AND_AC
