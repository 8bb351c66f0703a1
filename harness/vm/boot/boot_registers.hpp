#pragma once

#include <linux/kvm.h>

#include "vm/boot/image.hpp"

namespace gatecrash::vm {

/// The special registers that `image` boots with: 64-bit mode, or legacy mode with PAE for a 32-bit one, at CPL 0, with
/// the page tables at `page_table_root`. What boot does not set is as in `now`.
[[nodiscard]] kvm_sregs boot_sregs(const Image& image, Physical page_table_root, const kvm_sregs& now);
/// The general registers: at the entry point, on the boot stack, interrupts off.
[[nodiscard]] kvm_regs boot_regs(const Image& image);

}  // namespace gatecrash::vm
