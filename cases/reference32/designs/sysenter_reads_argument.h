/* Has SYSENTER read an argument from where the user's EBP points to. */
#define SYSENTER_READS_ARGUMENT
#ifndef FIXUPS_OF_ARGUMENT
#define FIXUPS_OF_ARGUMENT {sysenter_reads_argument, fix_sysenter_argument},
#endif
