#pragma once

#include <cstdint>
#include <optional>

#include "kvm/exit.hpp"

namespace gatecrash::vm {

class Guest;

namespace quirks {

/// The OUT of a doorbell, which KVM has not finished when it exits.
///
/// Works around KVM (Linux 45def77ebf79, "KVM: x86: update %rip after emulating IO"). KVM moves RIP after an OUT only
/// at the next run, and not if RIP has changed by then. So this class finishes a plain OUT by setting RIP, which costs
/// nothing. KVM must finish what its emulator executes (string instructions). Applies to every OUT. Can go when no
/// supported kernel has that commit.
class UnfinishedOut {
  public:
    /// Finishes the instruction that exited with `io`. Returns whether it was a plain OUT of AL.
    bool finish(Guest& guest, const kvm::IoExit& io);
    /// Makes KVM forget the OUT, before a run. If RIP were that of the OUT again, KVM would take it for the one to
    /// finish, and skip it.
    void forget(Guest& guest);
    /// Makes KVM finish the OUT, so that another guest can have the vCPU.
    void complete(Guest& guest);

  private:
    std::optional<std::uint64_t> address_;  ///< RIP of the OUT
};

}  // namespace quirks
}  // namespace gatecrash::vm
