#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "gatecrash/outcome.hpp"

namespace gatecrash::vm {

/// Thrown if KVM fails in a way that the guest did not cause, or if the harness lost track. `what()` includes a vCPU
/// dump.
class MachineFault : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Thrown if the CPU refuses the state with which KVM enters the guest (KVM_EXIT_FAIL_ENTRY).
class RefusedEntry : public MachineFault {
  public:
    RefusedEntry(const std::string& what, std::uint64_t reason) : MachineFault(what), reason_(reason) {}

    /// Returns the hardware's exit reason.
    [[nodiscard]] std::uint64_t reason() const { return reason_; }

  private:
    std::uint64_t reason_;
};

/// Thrown if an emulated CPU has made a state that no CPU can be in. What the guest does cannot be tried there.
class ImpossibleState : public MachineFault {
  public:
    using MachineFault::MachineFault;
};

}  // namespace gatecrash::vm
