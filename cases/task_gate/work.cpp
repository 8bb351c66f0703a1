// The C++ part of the workload, and the body of the double fault's task.
#include "reference32.hpp"

extern "C" {
extern uint32_t tss[], df_tss[];
void overflow();

void syscall_work(gatecrash::Frame*) {
    // A task switch loads CR3 and LDTR from the new task's TSS, but saves neither in the old one (SDM volume 3, 7.2.1).
    constexpr uint32_t cr3 = 7, ldt = 24;
    asm volatile("mov %%cr3, %0" : "=r"(df_tss[cr3]));
    tss[cr3] = df_tss[cr3];
    tss[ldt] = GATECRASH_LDT;
    asm volatile("cli" : : : "memory");
    overflow();
}

void double_fault_body(gatecrash::Frame* frame) {
    log_record(GATECRASH_LOG_ENTER, GATECRASH_VECTOR_DF, frame);
    log_record(GATECRASH_LOG_LEAVE, GATECRASH_VECTOR_DF, frame);
}
}
