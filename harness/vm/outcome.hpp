#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "gatecrash/outcome.hpp"

namespace gatecrash::vm {

/// KVM failed in a way that is not the guest's doing, or the harness lost track. `what()` includes a vCPU dump.
class MachineFault : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The CPU refused the state that the guest was to be entered with (KVM_EXIT_FAIL_ENTRY).
class RefusedEntry : public MachineFault {
  public:
    RefusedEntry(const std::string& what, std::uint64_t reason) : MachineFault(what), reason_(reason) {}

    /// The hardware's exit reason.
    [[nodiscard]] std::uint64_t reason() const { return reason_; }

  private:
    std::uint64_t reason_;
};

}  // namespace gatecrash::vm
