#include "vm/virtual_machine.hpp"

#include "vm/boot/guest_cpuid.hpp"
#include "vm/state/msrs.hpp"

namespace gatecrash::vm {
namespace {

/// A guest-physical address above the memory of all guests. KVM for Intel needs three pages there (api.rst,
/// KVM_SET_TSS_ADDR).
constexpr std::uint64_t intel_tss_address = 0xfffbd000;

}  // namespace

VirtualMachine::VirtualMachine(const kvm::System& system, quirks::Repairs repairs)
    : repairs_(repairs),
      vm_(system.create_vm()),
      cpu_([&] {
          vm_.set_tss_address(intel_tss_address);
          return vm_.create_vcpu();
      }()),
      new_pages_(system, cpu_, repairs.new_pages) {
    cpu_.set_cpuid(guest_cpuid(system.supported_cpuid()));
    constexpr std::uint64_t one_bank = 1;  // IA32_MCG_CAP
    cpu_.setup_machine_check(one_bank);
    regs_ = cpu_.regs();
    sregs_ = cpu_.sregs();
    events_ = cpu_.events();
    debug_registers_ = cpu_.debug_registers();
}

void VirtualMachine::reset() {
    cpu_.clear_immediate_exit();
    cpu_.set_guest_debug(0);
    while (cpu_.next_written()) continue;  // drops entries for memory that is gone
    cpu_.set_regs(regs_);
    cpu_.set_sregs(sregs_);
    auto events = events_;
    events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
    cpu_.set_events(events);
    cpu_.set_debug_registers(debug_registers_);
    // A new vCPU has zero in all these registers.
    write_msrs(cpu_, {});
}

}  // namespace gatecrash::vm
