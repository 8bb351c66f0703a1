#pragma once

#include <memory>

#include "kvm/vcpu.hpp"
#include "kvm/vm.hpp"

namespace gatecrash::vm::quirks {

/// Takes the NMIs that KVM does not take back.
///
/// Works around KVM for AMD on CPUs with virtual NMIs (Zen 4 and later, Linux 6.4 and later). There the CPU latches an
/// NMI as soon as KVM_RUN has seen it, and KVM_SET_VCPU_EVENTS cannot drop it (behaviour latched-nmi-dropped). It would
/// arrive in whatever runs next on that CPU. Applies where KVM still reports an NMI that the harness has dropped. Can
/// go when KVM clears V_NMI_PENDING.
class NmiSink {
  public:
    NmiSink();
    ~NmiSink();
    NmiSink(const NmiSink&) = delete;
    NmiSink& operator=(const NmiSink&) = delete;

    /// Makes sure that neither KVM nor the CPU has a latched NMI. If KVM keeps one, the CPU takes it in a handler of
    /// this class, in memory that no guest uses. So a restore must follow, or the end of the guest. `cpu` belongs to
    /// `vm`, which must not outlive this object. Throws MachineFault, and kvm::Error.
    void drain(kvm::Vm& vm, kvm::Vcpu& cpu);

  private:
    struct Memory;
    void take(kvm::Vm& vm, kvm::Vcpu& cpu);

    std::unique_ptr<Memory> memory_;  ///< null until it is needed: most machines never need it
};

}  // namespace gatecrash::vm::quirks
