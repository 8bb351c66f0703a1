/* Keeps the page tables that a handler on an IST stack finds, which may be the user's (I3). */
#define BORROW_KERNEL_CR3
