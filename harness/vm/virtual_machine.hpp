#pragma once

#include <linux/kvm.h>

#include <array>

#include "kvm/system.hpp"
#include "kvm/vcpu.hpp"
#include "kvm/vm.hpp"
#include "vm/quirks/new_pages.hpp"
#include "vm/quirks/nmi_sink.hpp"
#include "vm/quirks/repairs.hpp"

namespace gatecrash::vm {

/// A KVM virtual machine with its vCPU. Guests boot in it one after another, because creating one takes up to 70 ms
/// (Linux before 6.14, in a control group).
class VirtualMachine {
  public:
    /// `repairs` are those that guests need here. Throws kvm::Error.
    explicit VirtualMachine(const kvm::System& system, quirks::Repairs repairs = {});

    [[nodiscard]] kvm::Vm& vm() { return vm_; }
    [[nodiscard]] kvm::Vcpu& cpu() { return cpu_; }
    [[nodiscard]] const quirks::Repairs& repairs() const { return repairs_; }
    [[nodiscard]] quirks::NewPages& new_pages() { return new_pages_; }
    /// Drops a latched NMI. A restore must follow, or reset().
    void drop_nmi() { nmi_sink_.drain(vm_, cpu_); }
    /// Restores the state that the vCPU was created with, for the next guest. Remove the memory of the last guest
    /// first. Throws kvm::Error.
    void reset();

  private:
    quirks::Repairs repairs_;
    quirks::NmiSink nmi_sink_;
    kvm::Vm vm_;
    kvm::Vcpu cpu_;
    quirks::NewPages new_pages_;
    kvm_regs regs_{};
    kvm_sregs sregs_{};
    kvm_vcpu_events events_{};
    kvm_debugregs debug_registers_{};
};

}  // namespace gatecrash::vm
