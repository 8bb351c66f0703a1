// Declares the measurements for the table's rows. Each makes a guest of a few instructions, runs it, and returns what
// it saw.
#pragma once

#include "qualify/probe.hpp"

namespace gatecrash::qualify {

// features.cpp: what KVM offers, and what the harness itself relies on.
Answer kvm_capabilities(Bench& bench);
Answer sync_registers(Bench& bench);
Answer read_only_memory(Bench& bench);
Answer triple_fault(Bench& bench);
Answer snapshot_restore(Bench& bench);
Answer watchdog_ends_loop(Bench& bench);
Answer written_pages_complete(Bench& bench);

// entries.cpp: ways into and out of the kernel.
Answer int3(Bench& bench);
Answer software_interrupt(Bench& bench);
Answer iret_to_user(Bench& bench);
Answer syscall_sysret(Bench& bench);
Answer sysenter_64(Bench& bench);
Answer swapgs(Bench& bench);
Answer lsl(Bench& bench);
Answer rdtscp(Bench& bench);
Answer smap(Bench& bench);
Answer doorbell_from_user(Bench& bench);
Answer page_fault_error_code(Bench& bench);

// fast_calls.cpp: where vendors differ.
Answer sysret_non_canonical(Bench& bench);
Answer syscall_from_compatibility_mode(Bench& bench);
Answer syscall_keeps_df(Bench& bench);

// nmi.cpp: what the NMI mask does.
Answer nmi_delivery(Bench& bench);
Answer nmi_mask_until_iret(Bench& bench);
Answer latched_nmi_after_iret(Bench& bench);
Answer nmi_mask_over_entry(Bench& bench);
Answer second_nmi_dropped(Bench& bench);
Answer faulting_iret_unmasks_nmi(Bench& bench);

// delivery.cpp: interrupts and injected exceptions.
Answer irq_delivery(Bench& bench);
Answer mov_ss_shadow(Bench& bench);
Answer exception_injection(Bench& bench);
Answer vc_injection(Bench& bench);

// shadows.cpp: interrupt shadows.
Answer sti_shadow(Bench& bench);
Answer shadow_over_entry(Bench& bench);

// breakpoints.cpp: the guest's own TF and debug registers, and KVM's guest debugging.
Answer tf_step(Bench& bench);
Answer tf_over_syscall(Bench& bench);
Answer tf_in_fmask(Bench& bench);
Answer tf_over_sysret(Bench& bench);
Answer data_breakpoint(Bench& bench);
Answer breakpoint_from_outside(Bench& bench);
Answer code_breakpoint(Bench& bench);
Answer nested_data_breakpoint(Bench& bench);
Answer guest_debug_sw_breakpoint(Bench& bench);

// shadow_stacks.cpp: shadow stacks, if KVM offers them.
Answer shadow_stacks(Bench& bench);
Answer shadow_stack_from_user(Bench& bench);
Answer shadow_stack_of_ist(Bench& bench);
Answer busy_shadow_stack(Bench& bench);
Answer shadow_stack_of_iret(Bench& bench);
Answer ssp_over_syscall(Bench& bench);

// stepping.cpp: the steppers.
Answer trap_flag_step(Bench& bench);
Answer stop_bytes_step(Bench& bench);
Answer trap_flag_leaves_no_state(Bench& bench);
Answer exit_leaves_no_trap(Bench& bench);
Answer unmapped_pages_leave_no_rf(Bench& bench);

}  // namespace gatecrash::qualify
