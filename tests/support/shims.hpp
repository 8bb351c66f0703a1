// Layers between the harness and KVM that act like CPUs and kernels that nobody has here (kvm/shim.hpp).
#pragma once

#include <span>
#include <string_view>

#include "kvm/shim.hpp"

namespace gatecrash {

/// Names a shim that changes no verdict.
struct NamedShim {
    std::string_view name;
    kvm::ShimFactory make;
    std::string_view behaviour;  ///< the one that says so in `doctor`; may be empty
};

/// Latches an NMI as soon as KVM_RUN has seen it, and then keeps it whatever KVM_SET_VCPU_EVENTS says. AMD's CPUs with
/// virtual NMIs do that, from Linux 6.4 on.
[[nodiscard]] kvm::ShimFactory keep_latched_nmis();
/// Returns other bits of unusable segments at each read, as Intel's CPUs may.
[[nodiscard]] kvm::ShimFactory scramble_unusable_segments();
/// Leaves out every `nth` page that is new in the dirty ring.
[[nodiscard]] kvm::ShimFactory lose_written_pages(unsigned nth);
/// Leaves out entries of the dirty ring after a HLT, until the next exit. KVM from Linux 6.12 on does so on Intel's
/// CPUs with page-modification logging.
[[nodiscard]] kvm::ShimFactory delay_pages_after_hlt();
/// Interrupts KVM_RUN now and then for no reason, before it enters the guest.
[[nodiscard]] kvm::ShimFactory interrupt_runs();
/// Sends signals that end KVM_RUN somewhere in the guest, or come too late for that.
[[nodiscard]] kvm::ShimFactory send_signals();
/// Makes KVM unmap all pages of the guest before one of `runs` runs. The host does so to pages that it swaps out, moves
/// to another node (NUMA balancing) or merges with others (KSM).
[[nodiscard]] kvm::ShimFactory unmap_pages(unsigned runs);
/// Gives up if the delivery of a #DB meets a breakpoint on data. KVM on Intel's CPUs does, with
/// KVM_INTERNAL_ERROR_SIMUL_EX.
[[nodiscard]] kvm::ShimFactory give_up_on_nested_debug_exceptions();
/// Reports the INT1 at `address` as a #DB if it is stepped, and leaves RIP there. KVM on Intel's CPUs does.
[[nodiscard]] kvm::ShimFactory report_int1(std::uint64_t address);
/// Exits with KVM_EXIT_EXCEPTION for #AC if a run begins at `address`. KVM on Intel's CPUs does so for a split lock
/// there, if the host has split_lock_detect=fatal.
[[nodiscard]] kvm::ShimFactory end_split_lock(std::uint64_t address);

/// Keeps NMIs masked until an IRET, whatever the state says with which the guest is entered. Bochs 2.7 does.
[[nodiscard]] kvm::ShimFactory keep_nmi_mask();
/// Leaves the trap of a stepped instruction that causes an exit to the next run. Bochs 2.7 does.
[[nodiscard]] kvm::ShimFactory leave_traps();

/// Refuses to enter a guest with a #DB in an interrupt shadow while TF is set, as KVM for Intel before Linux 5.17 does.
[[nodiscard]] kvm::ShimFactory refuse_traps_in_shadows();
/// Ignores KVM_GUESTDBG_BLOCKIRQ, as KVM before Linux 5.15 does.
[[nodiscard]] kvm::ShimFactory ignore_block_irq();

/// Returns the shims under which every verdict stays the same.
[[nodiscard]] std::span<const NamedShim> harmless_shims();
/// Returns one of these. Throws std::out_of_range.
[[nodiscard]] const kvm::ShimFactory& find_shim(std::string_view name);

}  // namespace gatecrash
