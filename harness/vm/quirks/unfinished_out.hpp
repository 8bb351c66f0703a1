#pragma once

#include <cstdint>
#include <optional>

#include "kvm/exit.hpp"

namespace gatecrash::vm {

class Guest;

namespace quirks {

/// The OUT of a doorbell, which KVM has not finished when it exits.
///
/// Whose: KVM (Linux 45def77ebf79, "KVM: x86: update %rip after emulating IO"). It moves RIP after an OUT only when it
/// runs the next time, and not if RIP is another by then. So a plain OUT is finished by setting RIP, which costs
/// nothing; what KVM's emulator executes (string instructions) it also has to finish. Turned on by: every OUT. Can go:
/// when no supported kernel has that commit.
class UnfinishedOut {
  public:
    /// Finishes the instruction that exited with `io`. Returns whether it was a plain OUT of AL.
    bool finish(Guest& guest, const kvm::IoExit& io);
    /// Before a run: should RIP be that of the OUT again, KVM would take it for the one to finish, and skip it.
    void forget(Guest& guest);
    /// Leaves the vCPU to another guest.
    void complete(Guest& guest);

  private:
    std::optional<std::uint64_t> address_;  ///< RIP of the OUT
};

}  // namespace quirks
}  // namespace gatecrash::vm
