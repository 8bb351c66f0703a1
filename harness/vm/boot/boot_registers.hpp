#pragma once

#include <linux/kvm.h>

#include "vm/boot/image.hpp"

namespace gatecrash::vm {

/// Returns the special registers that `image` boots with, at CPL 0, with the page tables at `page_table_root`. They are
/// for 64-bit mode, or for legacy mode with PAE if the image has 32 bits. Registers that boot does not set are as in
/// `now`.
[[nodiscard]] kvm_sregs boot_sregs(const Image& image, Physical page_table_root, const kvm_sregs& now);
/// Returns the general registers that `image` boots with: at the entry point, on the boot stack, interrupts off.
[[nodiscard]] kvm_regs boot_regs(const Image& image);

}  // namespace gatecrash::vm
