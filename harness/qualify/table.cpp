#include <array>

#include "measurements.hpp"

namespace gatecrash::qualify {
namespace {

constexpr const char* other_machine = "use a host whose KVM runs on VT-x or SVM, or --machine amd";
constexpr const char* skipped = "what needs it is skipped here";

// First what tells an unfit host soonest. The order of the basics is also the order of trust: each needs those before
// it.
constexpr std::array table{
    Probe{"kvm-capabilities", true, "all that are needed", "api, 4.4 and 8", other_machine, kvm_capabilities},
    Probe{"int3", true, "#BP, RIP behind the INT3", "SDM 6.15; APM 8.2.4", other_machine, int3},
    Probe{"software-interrupt", true, "vector 0x40, RIP behind the INT", "SDM 6.4.4; APM 8.1", other_machine,
          software_interrupt},
    Probe{"iret-to-user", true,
          "vector 0x40, RIP behind the INT, CS 0x33, SS 0x2b, RSP as IRET loaded it, on the stack of RSP0",
          "SDM 6.14.2 to 6.14.4; APM 8.9", other_machine, iret_to_user},
    Probe{
        "syscall-sysret", true,
        "SYSCALL with CS 0x10, SS 0x18, RCX behind the SYSCALL, R11 IF on, IF off; SYSRET with CS 0x33, SS 0x2b, IF on",
        "SDM 5.8.8; APM 6.1.1", other_machine, syscall_sysret},
    Probe{"swapgs", true, "the two bases are exchanged", "SDM 5.8.8; APM 6.1.3", other_machine, swapgs},
    Probe{"doorbell-from-user", true, "the doorbell rings at CPL 3, then #GP, RIP at the OUT to another port",
          "SDM volume 1, 19.5.2; APM 12.2.5", other_machine, doorbell_from_user},
    Probe{"page-fault-error-code", true,
          "#PF, RIP at the write, CPL 0, error 0x2, CR2 right, then #PF, RIP at the read, CPL 3, error 0x5, CR2 right",
          "SDM 4.7; APM 8.4.2", other_machine, page_fault_error_code},
    Probe{"read-only-memory", true, "the write exits as MMIO, the memory is as before", "api, 4.35 (KVM_MEM_READONLY)",
          other_machine, read_only_memory},
    Probe{"irq-delivery", true, "vector 0x20, RIP where IF lets it in, then vector 0x20, RIP behind the doorbell",
          "SDM 6.8.1; APM 8.1.4", other_machine, irq_delivery},
    Probe{"nmi-delivery", true, "NMI, RIP behind the doorbell, on the IST stack",
          "SDM 6.7 and 6.14.5; APM 8.2.3 and 8.9.4", other_machine, nmi_delivery},
    Probe{"nmi-mask-until-iret", true, "masked in the handler, where a second one waits; unmasked behind the IRET",
          "SDM 6.7.1; APM 8.2.3", other_machine, nmi_mask_until_iret},
    Probe{"latched-nmi-after-iret", true, "NMI, RIP behind the doorbell, then NMI, RIP behind the doorbell",
          "SDM 6.7.1; APM 8.2.3", other_machine, latched_nmi_after_iret},
    Probe{"snapshot-restore", true, "the restored run ends as the first", "api, 4.31 (KVM_GET_VCPU_EVENTS)",
          other_machine, snapshot_restore},
    Probe{"stop-bytes-step", true, "every instruction, the same end as a free run", "a free run", other_machine,
          stop_bytes_step},
    Probe{"trap-flag-step", true, "every instruction, the same end as a free run",
          "SDM 17.3.1.4; APM 13.1.4; api, 4.87", other_machine, trap_flag_step},
    Probe{"triple-fault", true, "KVM_EXIT_SHUTDOWN, then no event", "SDM 6.15 (#DF); APM 8.2.9 and 15.14.3",
          other_machine, triple_fault},
    Probe{"watchdog-ends-loop", true, "a signal ends KVM_RUN", "SDM 25.2; APM 15.13.1", other_machine,
          watchdog_ends_loop},

    Probe{"trap-flag-leaves-no-state", false, "a free run from any step ends the same", "SDM 26.3.1.5",
          "nothing: --stepper is stop-bytes here if not given", trap_flag_leaves_no_state},
    Probe{"sync-registers", false, "registers, special registers, events", "api, KVM_CAP_SYNC_REGS",
          "nothing: system calls do it, at about ten times the cost", sync_registers},
    Probe{"nmi-mask-over-entry", false,
          "NMI, RIP behind the doorbell, then NMI, RIP at the start of the handler of #DB, then #DB, RIP behind the "
          "doorbell",
          "SDM 26.6.1 (blocking by NMI); APM 15.21.10",
          "nothing: a guest that is left with NMIs masked executes an IRET", nmi_mask_over_entry},
    Probe{"second-nmi-dropped", false, "of three NMIs that land in the handler, 1 delivered behind it",
          "SDM 6.7.1; APM 8.2.3", skipped, second_nmi_dropped},
    Probe{"faulting-iret-unmasks-nmi", false,
          "NMI, RIP behind the doorbell, then NMI, RIP at the start of the handler of #GP, then #GP, RIP at the "
          "faulting IRET",
          "SDM 25.3; the APM does not say", skipped, faulting_iret_unmasks_nmi},
    Probe{"sti-shadow", false, "vector 0x20, RIP one instruction behind the STI",
          "SDM volume 2, STI, and 6.8.1; APM 15.21.5", skipped, sti_shadow},
    Probe{"shadow-over-entry", false, "vector 0x20, RIP one instruction behind the shadow's begin",
          "SDM 26.6.1; APM 15.21.5", "nothing: interrupts that wait are stepped to their delivery", shadow_over_entry},
    Probe{"mov-ss-shadow", false,
          "#DB, RIP at the start of the handler of vector 0x40, then vector 0x40, RIP behind the INT",
          "SDM 6.8.3; APM 8.5; CVE-2018-8897", "what needs it is skipped here, and needs real silicon", mov_ss_shadow},
    Probe{"exception-injection", false, "#DB, RIP behind the first doorbell, then #MC, RIP behind the second doorbell",
          "SDM 26.6.1; APM 15.20; api, 4.32", skipped, exception_injection},
    Probe{"tf-step", false, "#DB, RIP one instruction behind the POPF, CPL 0, DR6.BS", "SDM 17.3.1.4; APM 13.1.4",
          skipped, tf_step},
    Probe{"tf-over-syscall", false, "#DB, RIP at the SYSCALL entry, CPL 0, DR6.BS",
          "SDM 17.3.1.4 and volume 2, SYSCALL", skipped, tf_over_syscall},
    Probe{"tf-in-fmask", false, "no event", "SDM volume 2, SYSCALL; APM volume 3, SYSCALL", skipped, tf_in_fmask},
    Probe{"tf-over-sysret", false, "#DB, RIP at the first user instruction, CPL 3, DR6.BS",
          "SDM volume 2, SYSRET; Linux 7ea24169097d; the APM does not say", skipped, tf_over_sysret},
    Probe{"data-breakpoint", false, "#DB, RIP behind the write, CPL 0, DR6.B0", "SDM 17.3.1.2; APM 13.1.3", skipped,
          data_breakpoint},
    Probe{"breakpoint-from-outside", false, "#DB, RIP behind the write, CPL 0, DR6.B0",
          "SDM 17.3.1.2; api, 4.34 (KVM_SET_DEBUGREGS)",
          "`watch` needs it: use a host whose KVM keeps them, or --machine intel", breakpoint_from_outside},
    Probe{"code-breakpoint", false, "#DB, RIP at the instruction, CPL 0, DR6.B0", "SDM 17.3.1.1; APM 13.1.3", skipped,
          code_breakpoint},
    Probe{"guest-debug-sw-breakpoint", false, "KVM_EXIT_DEBUG of #BP at the INT3", "api, 4.87",
          "nothing: no stepper uses it", guest_debug_sw_breakpoint},
    Probe{"sysenter-64",
          false,
          {"arrives with CS 0x10, SS 0x18", "#UD, RIP at the SYSENTER"},
          "SDM 5.8.7; APM 6.1.2",
          skipped,
          sysenter_64},
    Probe{"sysret-non-canonical",
          false,
          {"#GP, RIP at the SYSRET, CPL 0", "#GP, RIP 0x800000000000, CPL 3"},
          "SDM volume 2, SYSRET; APM volume 3, SYSRET; CVE-2012-0217",
          skipped,
          sysret_non_canonical},
    Probe{"syscall-compatibility-mode",
          false,
          {"#UD, RIP at the SYSCALL", "arrives with CS 0x10, SS 0x18, RCX behind the SYSCALL"},
          "SDM volume 2, SYSCALL; APM 6.1.1",
          skipped,
          syscall_from_compatibility_mode},
    Probe{"lsl", false, "ZF set, limit 0xffffffff", "SDM volume 2, LSL; APM volume 3, LSL", skipped, lsl},
    Probe{"rdtscp", false, "RCX 0x1234", "SDM volume 2, RDTSCP; APM volume 3, RDTSCP", skipped, rdtscp},
    Probe{"smap", false, "#PF, RIP at the read without AC, error 0x1", "SDM 4.6.1 and 4.7; APM 5.6.6", skipped, smap},
    Probe{"syscall-keeps-df", false, "arrives with DF set", "SDM volume 2, SYSCALL; APM volume 3, SYSCALL", skipped,
          syscall_keeps_df},
};

}  // namespace

std::span<const Probe> probes() { return table; }

}  // namespace gatecrash::qualify
