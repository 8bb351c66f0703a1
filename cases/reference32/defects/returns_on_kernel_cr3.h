/* Returns to CPL 3 on the kernel's page tables. */
#define RETURN_TO_USER_CR3
