// CPUs and kernels that nobody has here, as layers between the harness and KVM (kvm/shim.hpp).
#pragma once

#include <span>
#include <string_view>

#include "kvm/shim.hpp"

namespace gatecrash {

/// A shim that changes no verdict.
struct NamedShim {
    std::string_view name;
    kvm::ShimFactory make;
    std::string_view behaviour;  ///< the one that says so in `doctor`; may be empty
};

/// A CPU that latches an NMI as soon as KVM_RUN has seen it, and then keeps it whatever KVM_SET_VCPU_EVENTS says. AMD's
/// CPUs with virtual NMIs do that, from Linux 6.4 on.
[[nodiscard]] kvm::ShimFactory keep_latched_nmis();
/// A CPU that returns other bits of unusable segments at each read, as Intel's may.
[[nodiscard]] kvm::ShimFactory scramble_unusable_segments();
/// A dirty ring without every `nth` entry.
[[nodiscard]] kvm::ShimFactory lose_written_pages(unsigned nth);
/// A host that interrupts KVM_RUN now and then for no reason, before it enters the guest.
[[nodiscard]] kvm::ShimFactory interrupt_runs();
/// A CPU whose KVM gives up if the delivery of a #DB meets a breakpoint on data: Intel (KVM_INTERNAL_ERROR_SIMUL_EX).
[[nodiscard]] kvm::ShimFactory give_up_on_nested_debug_exceptions();

/// A CPU whose KVM reports the #DB of the INT1 at `address` to whoever steps it, and does not move RIP: Intel.
[[nodiscard]] kvm::ShimFactory report_int1(std::uint64_t address);

/// Returns the shims under which every verdict stays the same.
[[nodiscard]] std::span<const NamedShim> harmless_shims();
/// Returns one of these. Throws std::out_of_range.
[[nodiscard]] const kvm::ShimFactory& find_shim(std::string_view name);

}  // namespace gatecrash
