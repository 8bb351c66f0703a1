#pragma once

#include <linux/kvm.h>

#include <string>

#include "kvm/exit.hpp"

namespace gatecrash::vm {

/// Returns the end of a message about the failure that `exit` means, such as ": a KVM bug, ..". It says which kernel
/// mended the bug. Empty if no bug is known that explains the failure. `regs` and `events` are those after the exit.
/// `doctor` warns of the same bugs by the kernel's version (report::known_problems()).
[[nodiscard]] std::string known_bug(const kvm::Exit& exit, const kvm_regs& regs, const kvm_vcpu_events& events);

}  // namespace gatecrash::vm
