/* Does not restore CR3: the code that a handler on an IST stack interrupted continues with the kernel's CR3 (I16). */
#define GIVE_CR3_BACK
