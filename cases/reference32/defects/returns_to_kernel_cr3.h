/* Does not say that CR3 was the user's: the way out goes on with the kernel's. */
#define MARK_USER_CR3
