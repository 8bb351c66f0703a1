// Declares the measurements for the table of facts. They work like those in measurements.hpp. No command relies on
// facts: they tell machines apart, and show where a machine differs from the manuals.
#pragma once

#include "qualify/probe.hpp"

namespace gatecrash::qualify {

// nmi_unmasking.cpp: what ends the blocking of NMIs.
Answer ret_keeps_nmi_masked(Bench& bench);
Answer far_ret_keeps_nmi_masked(Bench& bench);
Answer sysret_keeps_nmi_masked(Bench& bench);
Answer inner_iret_unmasks_nmi(Bench& bench);
Answer int_2_masks_no_nmi(Bench& bench);

// nmi.cpp: what KVM_SET_VCPU_EVENTS cannot take back.
Answer latched_nmi_dropped(Bench& bench);

// shadows.cpp: what STI and MOV SS hold back, and what they do not.
Answer sti_with_if_set(Bench& bench);
Answer sti_then_mov_ss(Bench& bench);
Answer nmi_in_sti_shadow(Bench& bench);
Answer nmi_in_mov_ss_shadow(Bench& bench);
Answer tf_over_sti(Bench& bench);
Answer tf_over_mov_ss(Bench& bench);
Answer tf_over_lss(Bench& bench);
Answer code_breakpoint_after_mov_ss(Bench& bench);
Answer mov_ss_then_fault(Bench& bench);

// single_step.cpp: where the trap of TF comes.
Answer tf_over_iret(Bench& bench);
Answer tf_over_an_exit(Bench& bench);
Answer tf_over_int(Bench& bench);
Answer tf_over_sysenter(Bench& bench);
Answer tf_over_sysexit(Bench& bench);
Answer tf_with_btf(Bench& bench);

// debug_registers.cpp: RF, DR6 and DR7.
Answer rf_in_fault_frames(Bench& bench);
Answer rf_in_segment_fault_frames(Bench& bench);
Answer rf_in_trap_frames(Bench& bench);
Answer rf_in_software_interrupt_frame(Bench& bench);
Answer rf_in_breakpoint_frame(Bench& bench);
Answer rf_between_iterations(Bench& bench);
Answer rf_over_syscall(Bench& bench);
Answer iret_loads_rf(Bench& bench);
Answer sysret_clears_rf(Bench& bench);
Answer dr6_sticky(Bench& bench);
Answer dr6_at_rest(Bench& bench);
Answer dr6_of_int1(Bench& bench);
Answer dr7_gd_clears_itself(Bench& bench);
Answer step_and_breakpoint_in_one(Bench& bench);
Answer dr4_and_dr5(Bench& bench);
Answer dr4_with_debugging_extensions(Bench& bench);

// fast_calls.cpp: SYSCALL, SYSRET, SYSENTER and SYSEXIT.
Answer sysret_rflags(Bench& bench);
Answer sysret_ss_attributes(Bench& bench);
Answer sysenter_from_compatibility_mode(Bench& bench);
Answer sysenter_without_cs(Bench& bench);
Answer sysenter_rflags(Bench& bench);
Answer sysexit_to_64_bit(Bench& bench);
Answer sysexit_non_canonical(Bench& bench);
Answer lstar_non_canonical(Bench& bench);
Answer sysenter_in_legacy_mode(Bench& bench);
Answer sysenter_rflags_in_legacy_mode(Bench& bench);
Answer tf_over_sysenter_in_legacy_mode(Bench& bench);

// segments.cpp: the state after delivery, after IRET, and after loads of segment registers.
Answer null_selector_gs_base(Bench& bench);
Answer push_of_segment_registers(Bench& bench);
Answer frame_upper_halves(Bench& bench);
Answer legacy_frame_upper_half(Bench& bench);
Answer ss_of_handler_from_user(Bench& bench);
Answer frame_alignment(Bench& bench);
Answer iret_with_nt(Bench& bench);
Answer iret_16_bits(Bench& bench);
Answer iret_32_bits(Bench& bench);
Answer retf_16_bits(Bench& bench);
Answer retf_32_bits(Bench& bench);
Answer iret_to_16_bit_stack(Bench& bench);

// operand_sizes.cpp: POPF, PUSH and JMP with operands of each size.
Answer popf_16_bits(Bench& bench);
Answer push_segment_16_bits(Bench& bench);
Answer push_segment_64_bits(Bench& bench);
Answer far_jump_16_bits(Bench& bench);
Answer far_jump_32_bits(Bench& bench);
Answer far_jump_64_bits(Bench& bench);
Answer far_jump_beyond_limit(Bench& bench);
Answer far_jump_non_canonical(Bench& bench);

// returns.cpp: IRETs that the CPU may refuse.
Answer iret_non_canonical(Bench& bench);
Answer iret_to_user_with_null_ss(Bench& bench);
Answer iret_in_kernel_with_null_ss(Bench& bench);

// priorities.cpp: two events on one boundary.
Answer trap_before_nmi(Bench& bench);
Answer trap_before_irq(Bench& bench);
Answer irq_before_code_breakpoint(Bench& bench);
Answer nmi_before_code_breakpoint(Bench& bench);
Answer code_breakpoint_before_fault(Bench& bench);
Answer nmi_before_irq(Bench& bench);
Answer injected_irq_before_nmi(Bench& bench);
Answer injected_exception_before_nmi(Bench& bench);
Answer machine_check_before_nmi(Bench& bench);

// kvm_quirks.cpp: what KVM does on top of what the CPU does.
Answer step_shows_tf_to_pushf(Bench& bench);
Answer step_over_int(Bench& bench);
Answer step_over_popf(Bench& bench);
Answer step_over_rep(Bench& bench);
Answer hlt_exit_is_after_hlt(Bench& bench);
Answer irq_below_32_has_no_error_code(Bench& bench);
Answer second_machine_check_shuts_down(Bench& bench);
Answer guest_debug_hw_breakpoint(Bench& bench);
Answer guest_debug_block_irq(Bench& bench);
Answer exception_payload(Bench& bench);

}  // namespace gatecrash::qualify
