// What the rows of the table of facts measure, as in measurements.hpp. No command relies on them: they tell machines
// apart, and from what the manuals say.
#pragma once

#include <string>

#include "qualify/probe.hpp"

namespace gatecrash::qualify {

// nmi_unmasking.cpp: what ends the blocking of NMIs.
std::string ret_keeps_nmi_masked(Bench& bench);
std::string far_ret_keeps_nmi_masked(Bench& bench);
std::string sysret_keeps_nmi_masked(Bench& bench);
std::string inner_iret_unmasks_nmi(Bench& bench);
std::string int_2_masks_no_nmi(Bench& bench);

// shadows.cpp: what STI and MOV SS hold back, and what they do not.
std::string sti_with_if_set(Bench& bench);
std::string sti_then_mov_ss(Bench& bench);
std::string nmi_in_sti_shadow(Bench& bench);
std::string nmi_in_mov_ss_shadow(Bench& bench);
std::string tf_over_sti(Bench& bench);
std::string tf_over_mov_ss(Bench& bench);
std::string tf_over_lss(Bench& bench);
std::string code_breakpoint_behind_mov_ss(Bench& bench);
std::string mov_ss_then_fault(Bench& bench);

// single_step.cpp: where the trap of TF comes.
std::string tf_over_iret(Bench& bench);
std::string tf_over_an_exit(Bench& bench);
std::string tf_over_int(Bench& bench);
std::string tf_over_sysenter(Bench& bench);
std::string tf_over_sysexit(Bench& bench);
std::string tf_with_btf(Bench& bench);

// debug_registers.cpp: RF, DR6 and DR7.
std::string rf_in_fault_frames(Bench& bench);
std::string rf_in_trap_frames(Bench& bench);
std::string rf_in_software_interrupt_frame(Bench& bench);
std::string rf_in_breakpoint_frame(Bench& bench);
std::string rf_over_syscall(Bench& bench);
std::string iret_loads_rf(Bench& bench);
std::string sysret_clears_rf(Bench& bench);
std::string dr6_sticky(Bench& bench);
std::string dr6_at_rest(Bench& bench);
std::string dr6_of_int1(Bench& bench);
std::string dr7_gd_clears_itself(Bench& bench);
std::string step_and_breakpoint_in_one(Bench& bench);
std::string dr4_and_dr5(Bench& bench);
std::string dr4_with_debugging_extensions(Bench& bench);

// fast_calls.cpp: SYSCALL, SYSRET, SYSENTER and SYSEXIT.
std::string sysret_rflags(Bench& bench);
std::string sysret_ss_attributes(Bench& bench);
std::string sysenter_from_compatibility_mode(Bench& bench);
std::string sysenter_without_cs(Bench& bench);
std::string sysenter_rflags(Bench& bench);
std::string sysexit_to_64_bit(Bench& bench);
std::string sysexit_non_canonical(Bench& bench);
std::string lstar_non_canonical(Bench& bench);
std::string sysenter_in_legacy_mode(Bench& bench);
std::string sysenter_rflags_in_legacy_mode(Bench& bench);
std::string tf_over_sysenter_in_legacy_mode(Bench& bench);

// segments.cpp: what delivery, IRET and segment registers leave behind.
std::string null_selector_gs_base(Bench& bench);
std::string push_of_segment_registers(Bench& bench);
std::string frame_upper_halves(Bench& bench);
std::string legacy_frame_upper_half(Bench& bench);
std::string ss_of_handler_from_user(Bench& bench);
std::string frame_alignment(Bench& bench);
std::string iret_with_nt(Bench& bench);
std::string iret_16_bits(Bench& bench);
std::string iret_32_bits(Bench& bench);
std::string retf_16_bits(Bench& bench);
std::string retf_32_bits(Bench& bench);
std::string iret_to_16_bit_stack(Bench& bench);

// returns.cpp: IRETs that the CPU may refuse.
std::string iret_non_canonical(Bench& bench);
std::string iret_to_user_with_null_ss(Bench& bench);
std::string iret_in_kernel_with_null_ss(Bench& bench);

// priorities.cpp: two events on one boundary.
std::string trap_before_nmi(Bench& bench);
std::string trap_before_irq(Bench& bench);
std::string irq_before_code_breakpoint(Bench& bench);
std::string nmi_before_code_breakpoint(Bench& bench);
std::string code_breakpoint_before_fault(Bench& bench);
std::string nmi_before_irq(Bench& bench);
std::string injected_irq_before_nmi(Bench& bench);
std::string injected_exception_before_nmi(Bench& bench);
std::string machine_check_before_nmi(Bench& bench);

// kvm_quirks.cpp: what KVM does, beside what the CPU does.
std::string step_shows_tf_to_pushf(Bench& bench);
std::string step_over_int(Bench& bench);
std::string step_over_popf(Bench& bench);
std::string hlt_exit_is_behind_hlt(Bench& bench);
std::string irq_below_32_has_no_error_code(Bench& bench);
std::string second_machine_check_shuts_down(Bench& bench);
std::string guest_debug_hw_breakpoint(Bench& bench);
std::string guest_debug_block_irq(Bench& bench);
std::string exception_payload(Bench& bench);

}  // namespace gatecrash::qualify
