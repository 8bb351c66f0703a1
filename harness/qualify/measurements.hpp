// What the table's rows measure. Each makes a guest of a few instructions, runs it, and returns what it saw as a
// phrase.
#pragma once

#include <string>

#include "qualify/probe.hpp"

namespace gatecrash::qualify {

// features.cpp: what KVM offers, and what the harness itself relies on.
std::string kvm_capabilities(Bench& bench);
std::string sync_registers(Bench& bench);
std::string read_only_memory(Bench& bench);
std::string triple_fault(Bench& bench);
std::string snapshot_restore(Bench& bench);
std::string watchdog_ends_loop(Bench& bench);

// entries.cpp: ways into and out of the kernel.
std::string int3(Bench& bench);
std::string software_interrupt(Bench& bench);
std::string iret_to_user(Bench& bench);
std::string syscall_sysret(Bench& bench);
std::string sysenter_64(Bench& bench);
std::string swapgs(Bench& bench);
std::string lsl(Bench& bench);
std::string rdtscp(Bench& bench);
std::string smap(Bench& bench);
std::string doorbell_from_user(Bench& bench);
std::string page_fault_error_code(Bench& bench);

// fast_calls.cpp: where vendors differ.
std::string sysret_non_canonical(Bench& bench);
std::string syscall_from_compatibility_mode(Bench& bench);
std::string syscall_keeps_df(Bench& bench);

// nmi.cpp: what the NMI mask does.
std::string nmi_delivery(Bench& bench);
std::string nmi_mask_until_iret(Bench& bench);
std::string latched_nmi_after_iret(Bench& bench);
std::string nmi_mask_over_entry(Bench& bench);
std::string second_nmi_dropped(Bench& bench);
std::string faulting_iret_unmasks_nmi(Bench& bench);

// delivery.cpp: interrupts and injected exceptions.
std::string irq_delivery(Bench& bench);
std::string mov_ss_shadow(Bench& bench);
std::string exception_injection(Bench& bench);
std::string vc_injection(Bench& bench);

// shadows.cpp
std::string sti_shadow(Bench& bench);
std::string shadow_over_entry(Bench& bench);

// breakpoints.cpp: the guest's own TF and debug registers, and KVM's guest debugging.
std::string tf_step(Bench& bench);
std::string tf_over_syscall(Bench& bench);
std::string tf_in_fmask(Bench& bench);
std::string tf_over_sysret(Bench& bench);
std::string data_breakpoint(Bench& bench);
std::string breakpoint_from_outside(Bench& bench);
std::string code_breakpoint(Bench& bench);
std::string guest_debug_sw_breakpoint(Bench& bench);

// stepping.cpp: the steppers.
std::string trap_flag_step(Bench& bench);
std::string stop_bytes_step(Bench& bench);
std::string trap_flag_leaves_no_state(Bench& bench);

}  // namespace gatecrash::qualify
