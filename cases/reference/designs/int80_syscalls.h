/* Adds system calls by INT 0x80, whose vector an external interrupt may have as well. */
#define INT80_SYSCALLS
