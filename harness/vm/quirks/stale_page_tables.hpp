#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "kvm/vm.hpp"

namespace gatecrash::vm::quirks {

/// True if KVM leaves the guest's page tables to the CPU (nested paging), as its parameter kvm_amd.npt or
/// kvm_intel.ept says. `modules` is the folder with the parameters of each module.
[[nodiscard]] bool has_nested_paging(const std::filesystem::path& modules = "/sys/module");

/// Makes KVM forget the page tables that it derived from those of the guest. `page` is any page of its memory.
///
/// Works around KVM without nested paging (Linux, Documentation/virt/kvm/x86/mmu.rst). KVM then derives page tables of
/// its own. It notices when the guest changes an entry, and not when the host does. So after a restore the CPU uses
/// entries of the run before, and an access can succeed where it must fault. KVM forgets all of them when a slot goes
/// (kvm_mmu_zap_all_fast()), so this adds a slot above 4 GiB and removes it. Applies where has_nested_paging() is
/// false. Cannot go.
void forget_page_tables(kvm::Vm& vm, std::span<std::byte> page);

}  // namespace gatecrash::vm::quirks
