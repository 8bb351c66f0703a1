/* Decides by the sign of the GS base whose it is, since a kernel's address is negative. For CPUs without RDGSBASE. */
#define gs_base() read_msr(MSR_GS_BASE)
#define BORROW_KERNEL_GS_BASE ENTER_PARANOID_GS
#define GIVE_GS_BASE_BACK EXIT_PARANOID_GS
