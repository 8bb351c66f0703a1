// Does the kernel's part of the SYSCALLs of workload.S, and checks the resulting faults.
#include "reference.hpp"

using gatecrash::abi::Frame;

extern "C" {
extern const char user_cs_absent_back[], user_cs_null_back[], user_cs_kernel_back[], user_ss_absent_back[],
    user_ss_null_back[], user_ss_kernel_back[], user_rip_back[], user_cs_absent_ss16_back[], user_ss16_back[],
    user_ss16_shown[], user_gs_back[], user_gs_absent_back[], user_overflow_back[], user_fault_landing[],
    gs_change_failed[], probe_over[], overflow_over[], task_stack[];
extern char probe[];
extern const uint64_t rsp_before_overflow;
void overflow_stack();
}

namespace {

uint64_t address(const char* label) { return reinterpret_cast<uint64_t>(label); }

constexpr uint64_t rpl = 3, not_canonical = uint64_t{1} << 47, unmapped = 0x10000;
/// Returns the error code that names `selector`, which does not contain the RPL.
constexpr uint64_t naming(uint64_t selector) { return selector & ~rpl; }

/// A frame to which no IRET can return, and the fault that it must cause (SDM volume 2 and APM volume 3, IRET). A RIP
/// that is not canonical may also fault after the IRET, with the same vector and error code.
struct BadReturn {
    const char* from;  ///< the return address of the SYSCALL that gets this frame
    uint64_t cs, ss;
    bool has_bad_rip;
    uint64_t vector, error;
    uint64_t other_vector = vector;  ///< the vector on CPUs that differ
};

constexpr uint64_t cs = GATECRASH_USER_CS, ss = GATECRASH_USER_SS;
constexpr uint64_t np = GATECRASH_VECTOR_NP, ss_fault = GATECRASH_VECTOR_SS, gp = GATECRASH_VECTOR_GP;

const BadReturn bad_returns[]{
    {user_cs_absent_back, GATECRASH_LDT_CODE_ABSENT, ss, false, np, naming(GATECRASH_LDT_CODE_ABSENT)},
    {user_cs_null_back, rpl, ss, false, gp, 0},
    {user_cs_kernel_back, GATECRASH_KERNEL_CS | rpl, ss, false, gp, naming(GATECRASH_KERNEL_CS)},
    {user_ss_absent_back, cs, GATECRASH_LDT_DATA_ABSENT, false, ss_fault, naming(GATECRASH_LDT_DATA_ABSENT),
     np},  // QEMU 7.2 raises #NP
    {user_ss_null_back, cs, rpl, false, gp, 0},
    {user_ss_kernel_back, cs, GATECRASH_KERNEL_SS | rpl, false, gp, naming(GATECRASH_KERNEL_SS)},
    {user_rip_back, cs, ss, true, gp, 0},
    // The IRET on the espfix stack ends in a double fault, which keeps neither vector nor error code: the kernel
    // reports #GP(0).
    {user_cs_absent_ss16_back, GATECRASH_LDT_CODE_ABSENT, GATECRASH_LDT_DATA16, false, gp, 0},
};

/// The fault that the current SYSCALL must cause, or nullptr if it must not fault.
const BadReturn* bad_return = nullptr;
bool loads_gs = false, overflows = false;

/// Returns true if `vector` and `frame` describe the expected fault, as a fault of the user's instruction.
bool is_expected(const Frame* frame, uint64_t vector) {
    return bad_return != nullptr && (vector == bad_return->vector || vector == bad_return->other_vector) &&
           frame->error == bad_return->error && frame->cs == bad_return->cs && frame->ss == bad_return->ss &&
           frame->rip == (bad_return->has_bad_rip ? not_canonical : address(bad_return->from));
}

}  // namespace

extern "C" {

void syscall_work(Frame* frame) {
    bad_return = nullptr;
    for (const auto& row : bad_returns) {
        if (frame->rip == address(row.from)) bad_return = &row;
    }
    if (bad_return != nullptr) {
        frame->cs = bad_return->cs;
        frame->ss = bad_return->ss;
        if (bad_return->has_bad_rip) frame->rip = not_canonical;
    }
    if (frame->rip == address(user_ss16_back)) {
        frame->cs = GATECRASH_USER32_CS;
        frame->ss = GATECRASH_LDT_DATA16;
    }
    if (frame->rip == address(user_ss16_shown)) {
        const uint64_t bits_16_to_31 = (frame->rsi ^ frame->r14) & 0xffff0000;
        if (bits_16_to_31 != 0) log_broken(13, GATECRASH_VECTOR_SYSCALL, frame, frame->rsi);
    }
    if (frame->rip == address(user_gs_back)) load_gs_index(GATECRASH_LDT_DATA);
    if (frame->rip == address(user_gs_absent_back)) {
        loads_gs = true;
        load_gs_index(GATECRASH_LDT_DATA_ABSENT);
        loads_gs = false;
    }
    if (frame->rip == address(user_overflow_back)) {
        overflows = true;
        overflow_stack();
        overflows = false;
    }
}

void exception_work(Frame* frame, uint64_t vector, uint64_t) {
    if (vector == GATECRASH_VECTOR_PF && frame->rip == address(probe)) {
        frame->rip = address(probe_over);
        return;
    }
    const bool is_fault = vector == GATECRASH_VECTOR_UD || (vector >= np && vector <= GATECRASH_VECTOR_PF);
    if (!is_fault) return;
    if (loads_gs && frame->rip == address(gs_change_failed) && vector == np &&
        frame->error == naming(GATECRASH_LDT_DATA_ABSENT))
        return;
    if (!is_expected(frame, vector)) log_broken(9, vector, frame, frame->error);
    frame->rip = address(user_fault_landing);
    frame->cs = cs;
    frame->ss = ss;
}

void dump_stack(const Frame*) { reinterpret_cast<void (*)(uint64_t)>(probe)(unmapped); }

void double_fault_work(Frame* frame, uint64_t cr2) {
    if (!overflows) fatal_body(frame, GATECRASH_VECTOR_DF);
    const auto guard_page = address(task_stack) - GATECRASH_CANARY_SIZE - GATECRASH_PAGE;
    if (cr2 - guard_page >= GATECRASH_PAGE) log_broken(12, GATECRASH_VECTOR_DF, frame, cr2);
    frame->rip = address(overflow_over);
}
}
