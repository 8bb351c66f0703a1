#include "qualify/facts.hpp"

#include <array>

namespace gatecrash::qualify {
namespace {

constexpr const char* this_machines = "nothing: a verdict that rests on it is this machine's, not silicon's";

constexpr const char* ud_at_sysenter = "#UD, RIP at the SYSENTER";
constexpr const char* masked_behind_return =
    "NMI, RIP behind the doorbell, then #BP, RIP behind the INT3, then NMI, RIP behind the INT3";

constexpr Probe fact(const char* name, Expected expected, const char* source, std::string (*measure)(Bench&)) {
    return {name, false, expected, source, this_machines, measure};
}

constexpr std::array table_of_facts{
    fact("ret-keeps-nmi-masked", masked_behind_return, "SDM 6.7.1; APM 8.2.3", ret_keeps_nmi_masked),
    fact("far-ret-keeps-nmi-masked", masked_behind_return, "SDM 6.7.1; APM 8.2.3", far_ret_keeps_nmi_masked),
    fact("sysret-keeps-nmi-masked", masked_behind_return, "SDM 6.7.1; APM 8.2.3", sysret_keeps_nmi_masked),
    fact("inner-iret-unmasks-nmi",
         "NMI, RIP behind the doorbell, then #BP, RIP behind the INT3 in the handler, then NMI, RIP behind the INT3 in "
         "the handler",
         "SDM 6.7.1; APM 8.2.3", inner_iret_unmasks_nmi),
    fact("int-2-masks-no-nmi", "NMI, RIP behind the INT, then NMI, RIP in the handler", "SDM 6.7.1; APM volume 3, INT",
         int_2_masks_no_nmi),

    fact("sti-with-if-set", "vector 0x20, RIP behind the second STI", "SDM volume 2, STI; APM volume 3, STI",
         sti_with_if_set),
    fact("sti-then-mov-ss", "vector 0x20, RIP behind the MOV SS | vector 0x20, RIP one instruction behind the MOV SS",
         "SDM 6.8.3: the first shadow of a row is sure; the APM does not say", sti_then_mov_ss),
    fact("nmi-in-sti-shadow", "NMI, RIP one instruction behind the shadow's begin | NMI, RIP in the shadow",
         "SDM volume 2, STI: may be held back; the APM does not say", nmi_in_sti_shadow),
    fact("nmi-in-mov-ss-shadow", "NMI, RIP one instruction behind the shadow's begin", "SDM 6.8.3; APM 15.21.5",
         nmi_in_mov_ss_shadow),
    fact("tf-over-sti", "#DB, RIP behind the STI, CPL 0, DR6.BS", "SDM 17.3.1.4; APM 13.1.4", tf_over_sti),
    fact("tf-over-mov-ss", "#DB, RIP one instruction behind the MOV SS, CPL 0, DR6.BS", "SDM 6.8.3; APM volume 3, MOV",
         tf_over_mov_ss),
    fact("tf-over-lss", "#DB, RIP behind the LSS, CPL 0, DR6.BS", "SDM 6.8.3; APM volume 3, LSS", tf_over_lss),
    fact("code-breakpoint-behind-mov-ss", {"no event", "#DB, RIP behind the MOV SS, CPL 0, DR6.B0"},
         "SDM 6.8.3; Linux c092fc879f99", code_breakpoint_behind_mov_ss),
    fact("mov-ss-then-fault", "#UD, RIP behind the MOV SS", "SDM 6.8.3; CVE-2018-8897", mov_ss_then_fault),

    fact("tf-over-iret", "#DB, RIP behind the first user instruction, CPL 3, DR6.BS", "SDM 17.3.1.4; APM 13.1.4",
         tf_over_iret),
    fact("tf-over-exit", "#DB, RIP behind the first user instruction, CPL 3, DR6.BS",
         "SDM 17.3.1.4 and 26.3.1.5; APM 13.1.4", tf_over_an_exit),
    fact("tf-over-int", "vector 0x40, RIP behind the INT, then #DB, RIP one instruction behind the INT",
         "SDM 17.3.1.4; APM 13.1.4", tf_over_int),
    fact("tf-over-sysenter", {"#DB, RIP at the SYSENTER entry, CPL 0, DR6.BS", "#UD, RIP at the SYSENTER, CPL 3"},
         "SDM volume 2, SYSENTER; APM volume 3, SYSENTER", tf_over_sysenter),
    fact("tf-over-sysenter-legacy", "#DB, RIP at the SYSENTER entry, CPL 0",
         "SDM volume 2, SYSENTER; APM volume 3, SYSENTER", tf_over_sysenter_in_legacy_mode),
    fact("tf-over-sysexit", {"#DB, RIP at the first user instruction, CPL 3", "#UD, RIP at the SYSEXIT, CPL 0"},
         "SDM volume 2, SYSEXIT; APM volume 3, SYSEXIT", tf_over_sysexit),
    fact("tf-with-btf", "#DB, RIP at the branch's target, CPL 0, DR6.BS", "SDM 17.4.3; APM 13.1.4", tf_with_btf),

    fact("rf-in-fault-frames", "#UD, RIP at the UD2, RF set, then #PF, RIP at the read, RF set",
         "SDM 17.3.1.1; APM 3.1.6", rf_in_fault_frames),
    fact("rf-in-trap-frames", "#BP, RIP behind the INT3, RF clear, then vector 0x20, RIP behind the doorbell, RF clear",
         "SDM 17.3.1.1; APM 3.1.6", rf_in_trap_frames),
    fact("rf-in-software-interrupt-frame",
         {"#BP, RIP behind the first INT3, RF clear, then #BP, RIP behind the second INT3, RF clear",
          "#BP, RIP behind the first INT3, RF clear, then #BP, RIP behind the second INT3, RF clear | #BP, RIP behind "
          "the first INT3, RF clear, then #BP, RIP behind the second INT3, RF set"},
         "SDM 17.3.1.1: a software interrupt begins by clearing RF; the APM does not say",
         rf_in_software_interrupt_frame),
    fact("rf-in-breakpoint-frame", "#DB, RIP at the instruction, RF clear, then #DB, RIP at the instruction, RF clear",
         "SDM 17.3.1.1; APM 3.1.6", rf_in_breakpoint_frame),
    fact("rf-over-syscall", "R11 has no RF", "SDM volume 2, SYSCALL; APM volume 3, SYSCALL", rf_over_syscall),
    fact("iret-loads-rf", "vector 0x40, RIP behind the INT", "SDM 17.3.1.1; APM 3.1.6", iret_loads_rf),
    fact("sysret-clears-rf", "#DB, RIP at the breakpoint, then vector 0x40, RIP behind the INT",
         "SDM volume 2, SYSRET; APM volume 3, SYSRET", sysret_clears_rf),
    fact("dr6-at-rest", "DR6 0xffff0ff0", "SDM 17.2.3; APM 13.1.1.3", dr6_at_rest),
    fact("dr6-sticky", "#DB, RIP behind the write, CPL 0, DR6.B0, DR6.BS", "SDM 17.2.3; APM 13.1.1.3", dr6_sticky),
    fact("dr6-of-int1", "#DB, RIP behind the INT1, CPL 0", "SDM volume 2, INT1; APM 13.1.3", dr6_of_int1),
    fact("dr7-gd-clears-itself", "#DB, RIP at the MOV from DR0, CPL 0, DR6.BD; GD clear in the handler",
         "SDM 17.2.4; APM 13.1.1.4", dr7_gd_clears_itself),
    fact("step-and-breakpoint-in-one", "#DB, RIP behind the write, CPL 0, DR6.B0, DR6.BS", "SDM 17.3.1; APM 13.1.3",
         step_and_breakpoint_in_one),
    fact("dr4-and-dr5", "DR4 is DR6, DR5 is DR7", "SDM 17.2.2; APM 13.1.1.1", dr4_and_dr5),
    fact("dr4-with-cr4-de", "#UD, RIP at the MOV from DR4", "SDM 17.2.2; APM 13.1.1.1", dr4_with_debugging_extensions),

    fact("sysret-rflags", "vector 0x40, RIP behind the INT, RFLAGS 0x3c7ed7",
         "SDM volume 2, SYSRET; APM volume 3, SYSRET", sysret_rflags),
    fact("sysret-ss-attributes", {"vector 0x40, RIP behind the INT", "#SS, RIP at the PUSH"},
         "SDM volume 2, SYSRET; APM volume 3, SYSRET; Linux 61f01dd941ba", sysret_ss_attributes),
    fact("lstar-non-canonical", "#GP, RIP at the WRMSR", "SDM volume 2, WRMSR; APM volume 3, WRMSR",
         lstar_non_canonical),
    fact("sysenter-compatibility-mode", {"arrives with CS 0x10, SS 0x18", ud_at_sysenter}, "SDM 5.8.7; APM 6.1.2",
         sysenter_from_compatibility_mode),
    fact("sysenter-legacy", "arrives with CS 0x8, SS 0x10", "SDM 5.8.7; APM 6.1.2", sysenter_in_legacy_mode),
    fact("sysenter-without-cs", {"#GP, RIP at the SYSENTER", ud_at_sysenter},
         "SDM volume 2, SYSENTER; APM volume 3, SYSENTER", sysenter_without_cs),
    fact("sysenter-rflags", {"arrives with RFLAGS 0x47402", ud_at_sysenter},
         "SDM volume 2, SYSENTER; APM volume 3, SYSENTER", sysenter_rflags),
    fact("sysenter-rflags-legacy", "arrives with RFLAGS 0x47402", "SDM volume 2, SYSENTER; APM volume 3, SYSENTER",
         sysenter_rflags_in_legacy_mode),
    fact("sysexit-64",
         {"vector 0x40, RIP behind the INT, CS 0x33, SS 0x3b, RSP from RCX",
          "#UD, RIP at the SYSEXIT, CS 0x10, SS 0x18"},
         "SDM volume 2, SYSEXIT; APM 6.1.2", sysexit_to_64_bit),
    fact("sysexit-non-canonical", {"#GP, RIP at the SYSEXIT, CPL 0", "#UD, RIP at the SYSEXIT, CPL 0"},
         "SDM volume 2, SYSEXIT; APM 6.1.2", sysexit_non_canonical),

    fact("null-selector-gs-base",
         {"the GS base becomes 0", "the GS base stays | the GS base becomes 0, which CPUID announces"},
         "SDM 3.4.4; APM volume 3, CPUID Fn8000_0021; Linux X86_BUG_NULL_SEG", null_selector_gs_base),
    fact("push-segment-upper-half", "left as it was | zero", "SDM volume 2, PUSH: either; the APM does not say",
         push_of_segment_registers),
    fact("frame-upper-halves", "vector 0x40, RIP behind the INT, CS 0x33, SS 0x2b", "SDM 6.14.2; APM 8.9.3",
         frame_upper_halves),
    fact("frame-upper-half-legacy", "left as it was | zero", "neither manual says", legacy_frame_upper_half),
    fact("ss-of-handler-from-user", "SS 0x0", "SDM 6.14.4; APM 8.9.3", ss_of_handler_from_user),
    fact("frame-alignment", "the frame is 8 bytes below RSP, and has that RSP in it", "SDM 6.14.2; APM 8.9.3",
         frame_alignment),
    fact("iret-with-nt", "#GP, RIP at the IRET, error 0x0", "SDM volume 2, IRET; APM volume 3, IRET", iret_with_nt),
    fact("iret-to-16-bit-stack", "vector 0x40, RIP behind the INT, ESP[31:16] of the kernel",
         "Linux 3891a04aafd6; the manuals do not say", iret_to_16_bit_stack),
    fact("iret-non-canonical", "#GP, RIP at the IRET, CPL 0", "SDM volume 2, IRET; APM volume 3, IRET",
         iret_non_canonical),
    fact("iret-to-user-null-ss", "#GP, RIP at the IRET, error 0x0", "SDM volume 2, IRET; APM volume 3, IRET",
         iret_to_user_with_null_ss),
    fact("iret-in-kernel-null-ss", "vector 0x40, RIP behind the INT, CS 0x10, SS 0x0",
         "SDM volume 2, IRET; APM volume 3, IRET", iret_in_kernel_with_null_ss),

    fact("iret-16-bits", "#PF, RIP 0x1234, CPL 3", "SDM volume 2, IRET; APM volume 3, IRET", iret_16_bits),
    fact("iret-32-bits", "#PF, RIP 0x1234, CPL 3", "SDM volume 2, IRET; APM volume 3, IRET", iret_32_bits),
    fact("retf-16-bits", "#PF, RIP 0x1234, CPL 0", "SDM volume 2, RET; APM volume 3, RET (Far)", retf_16_bits),
    fact("retf-32-bits", "#PF, RIP 0x1234, CPL 0", "SDM volume 2, RET; APM volume 3, RET (Far)", retf_32_bits),

    fact("trap-before-nmi",
         "NMI, RIP behind the doorbell, then NMI, RIP at the start of the handler of #DB, then #DB, RIP behind the "
         "doorbell",
         "SDM table 6-2; APM table 8-8", trap_before_nmi),
    fact("trap-before-irq", "#DB, RIP behind the POPF that sets IF, then vector 0x20, RIP behind the POPF that sets IF",
         "SDM table 6-2; APM table 8-8", trap_before_irq),
    fact("nmi-before-irq", "NMI, RIP behind the doorbell, then vector 0x20, RIP behind the doorbell",
         "SDM table 6-2; APM table 8-8", nmi_before_irq),
    fact("irq-before-code-breakpoint", "vector 0x20, RIP at the breakpoint, then #DB, RIP at the breakpoint",
         "SDM table 6-2; APM table 8-8", irq_before_code_breakpoint),
    fact("nmi-before-code-breakpoint", "NMI, RIP at the breakpoint, then #DB, RIP at the breakpoint",
         "SDM table 6-2; APM table 8-8", nmi_before_code_breakpoint),
    fact("code-breakpoint-before-fault", "#DB, RIP at the UD2, then #UD, RIP at the UD2",
         "SDM table 6-2; APM table 8-8", code_breakpoint_before_fault),

    fact("injected-irq-before-nmi",
         "NMI, RIP at the start of the handler of vector 0x20, then vector 0x20, RIP behind the doorbell",
         "Linux, kvm_check_and_inject_events(): what was being delivered goes first", injected_irq_before_nmi),
    fact("injected-exception-before-nmi",
         "NMI, RIP at the start of the handler of #DB, then #DB, RIP behind the doorbell",
         "Linux, kvm_check_and_inject_events()", injected_exception_before_nmi),
    fact("machine-check-before-nmi", "NMI, RIP at the start of the handler of #MC, then #MC, RIP behind the doorbell",
         "SDM table 6-2; APM table 8-8", machine_check_before_nmi),
    fact("second-machine-check-shuts-down", "#MC, RIP behind the doorbell, triple fault", "SDM 15.3.1.2; APM 9.3.1.2",
         second_machine_check_shuts_down),
    fact("irq-below-32-has-no-error-code", "#GP's handler, without an error code",
         "SDM 6.8.1; api, 4.16 (KVM_INTERRUPT)", irq_below_32_has_no_error_code),
    fact("hlt-exit-is-behind-hlt", "RIP behind the HLT", "Linux, kvm_emulate_halt()", hlt_exit_is_behind_hlt),
    fact("step-shows-tf-to-pushf", "stops behind the PUSHF, TF set in what it pushed, clear in KVM_GET_REGS",
         "Linux, kvm_set_rflags() and kvm_get_rflags()", step_shows_tf_to_pushf),
    fact("step-over-int", "stops one instruction behind the INT", "SDM 17.3.1.4: delivery clears TF", step_over_int),
    fact("step-over-popf", "stops behind the POPF, then runs on", "Linux, kvm_set_rflags(): TF is the guest's own bit",
         step_over_popf),
    fact("guest-debug-hw-breakpoint", "stops at the instruction", "api, 4.87", guest_debug_hw_breakpoint),
    fact("guest-debug-block-irq", "stops behind the NOP, then NMI, RIP behind the NOP",
         "api, 4.87; Linux 61e5f69ef083: of NMIs, too, it says only in kvm_check_and_inject_events()",
         guest_debug_block_irq),
    fact("exception-payload", "CR2 stays, then #PF, RIP behind the doorbell, CR2 the payload",
         "api, KVM_CAP_EXCEPTION_PAYLOAD", exception_payload),
};

}  // namespace

std::span<const Probe> facts() { return table_of_facts; }

}  // namespace gatecrash::qualify
