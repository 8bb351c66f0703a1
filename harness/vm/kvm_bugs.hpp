#pragma once

#include <linux/kvm.h>

#include <string>

#include "kvm/exit.hpp"

namespace gatecrash::vm {

/// Explains the end of a guest that executes a split lock: a LOCK instruction whose operand crosses a cache line.
inline constexpr const char* split_lock_remedy =
    "the host's kernel ends a split lock (split_lock_detect=fatal): align the operand of the guest's LOCK "
    "instruction, or boot the host with split_lock_detect=off";

/// Returns the end of a message about the failure that `exit` means, such as ": a KVM bug, ..". It says what to do, and
/// which kernel mended the bug. Empty if neither a bug nor a setting of the host is known that explains the failure.
/// `regs` and `events` are those after the exit. `doctor` warns of the same bugs by the kernel's version
/// (report::known_problems()).
[[nodiscard]] std::string known_cause(const kvm::Exit& exit, const kvm_regs& regs, const kvm_vcpu_events& events);

}  // namespace gatecrash::vm
