/* Makes SYSENTER read an argument from the address in the user's EBP. */
#define SYSENTER_READS_ARGUMENT
#ifndef FIXUPS_OF_ARGUMENT
#define FIXUPS_OF_ARGUMENT {sysenter_reads_argument, fix_sysenter_argument},
#endif
