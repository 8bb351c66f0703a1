#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <span>

#include "gatecrash/address.hpp"

namespace gatecrash::vm {

class Guest;

/// Executes a few instructions of the harness's own on the guest's CPU, in pages that the guest does not know. This
/// replaces the guest's registers, so it is for quirks, where a restore or the end of the guest follows.
class HarnessCode {
  public:
    explicit HarnessCode(Guest& guest) : guest_(guest) {}

    /// Executes `code`, then the HLT that this function adds to it. Throws MachineFault.
    void execute(std::span<const std::byte> code, const kvm_regs& regs);
    /// Makes `code` the next thing to execute, with no event due.
    void prepare(std::span<const std::byte> code, kvm_regs regs);
    /// Runs the prepared code until it ends, by HLT or by a step.
    void run_prepared();

    /// Returns the guest-virtual address of the code.
    [[nodiscard]] Virtual address() const;
    /// Returns memory for the frame of an IRET.
    [[nodiscard]] std::span<std::byte> frame() const;
    [[nodiscard]] Virtual frame_address() const;

  private:
    Guest& guest_;
};

}  // namespace gatecrash::vm
