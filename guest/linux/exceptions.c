/* Exceptions of the program. Linux handles a page fault itself, and sends a signal for the others. */
#include "init.h"

void sweep_page_fault(void) {
    char *page = map_fresh_page();
    __asm__ volatile(BEGIN "movb $1, (%0)\n\t" END : : "r"(page) : "memory");
    expect(page[0] == 1, "the page does not have what the program wrote");
    unmap_page(page);
}

/* Each window ends at the label 1, where the handler goes on. */
#define RESUME_AT_1 "movq $1f, resume_at(%%rip)\n\t"

void sweep_gp(void) {
    unsigned long not_canonical = 1UL << 63;
    catch_signal(SIGSEGV, repair);
    __asm__ volatile(RESUME_AT_1 BEGIN "movq (%0), %0\n" "1:\t" END : "+r"(not_canonical) : : "memory");
    uncatch_signal(SIGSEGV);
    expect(delivered == 1, "#GP did not lead to one SIGSEGV");
}

void sweep_bp(void) {
    catch_signal(SIGTRAP, count);
    __asm__ volatile(BEGIN "int3\n\t" END : : : "memory");
    uncatch_signal(SIGTRAP);
    expect(delivered == 1, "INT3 did not lead to one SIGTRAP");
}

void sweep_de(void) {
    unsigned low = 1, high = 0;
    catch_signal(SIGFPE, repair);
    __asm__ volatile(RESUME_AT_1 BEGIN "divl %2\n" "1:\t" END : "+a"(low), "+d"(high) : "r"(0) : "memory", "cc");
    uncatch_signal(SIGFPE);
    expect(delivered == 1, "a division by zero did not lead to one SIGFPE");
}

/* #DB comes after the instruction that follows POPF. */
void sweep_single_step(void) {
    catch_signal(SIGTRAP, repair);
    __asm__ volatile(RESUME_AT_1
                     "pushfq\n\t"
                     "orl $0x100, (%%rsp)\n\t" BEGIN
                     "popfq\n\t"
                     "nop\n"
                     "1:\t" END
                     :
                     :
                     : "memory", "cc");
    uncatch_signal(SIGTRAP);
    expect(delivered == 1, "the trap flag did not lead to one SIGTRAP");
}
