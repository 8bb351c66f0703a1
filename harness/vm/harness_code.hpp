#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <span>

#include "gatecrash/address.hpp"

namespace gatecrash::vm {

class Guest;

/// Has the guest's CPU execute a few instructions of the harness's own, in pages that the guest does not know. Replaces
/// the guest's registers: for quirks, where a restore or the end of the guest follows.
class HarnessCode {
  public:
    explicit HarnessCode(Guest& guest) : guest_(guest) {}

    /// Executes `code`, up to the HLT that is put after it. Throws MachineFault.
    void execute(std::span<const std::byte> code, const kvm_regs& regs);
    /// Makes `code` the next to execute, with nothing due.
    void prepare(std::span<const std::byte> code, kvm_regs regs);
    /// Runs what was prepared to its end, be that HLT or a step.
    void run_prepared();

    /// Where the code is.
    [[nodiscard]] Virtual address() const;
    /// Memory for an IRET's frame.
    [[nodiscard]] std::span<std::byte> frame() const;
    [[nodiscard]] Virtual frame_address() const;

  private:
    Guest& guest_;
};

}  // namespace gatecrash::vm
