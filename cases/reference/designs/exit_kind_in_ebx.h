/* Gives exceptions and interrupts one common exit. EBX says where it returns to: 0 means CPL 3. Bodies preserve EBX. */
#define EXIT_IS_TO_USER movl $0, %ebx
#define EXIT_IS_TO_KERNEL movl $1, %ebx
#define RETURN_TO_USER exit_by_kind
#define RETURN_TO_KERNEL exit_by_kind
#define RETURN_OF_RETURN_FAULT exit_by_kind
#define EXIT_BY_KIND \
        ENTRY exit_by_kind; \
        testl %ebx, %ebx; \
        jz return_to_user
