/* Does not give CR3 back: what a handler on an IST stack interrupted goes on with the kernel's (I16). */
#define GIVE_CR3_BACK
