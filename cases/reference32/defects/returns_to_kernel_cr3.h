/* Does not note that CR3 was the user's: the interrupted exit continues with the kernel's. */
#define MARK_USER_CR3
