#pragma once

#include "kvm/exit.hpp"

namespace gatecrash::vm {

class Guest;

namespace quirks {

/// A trap that a run has left to the next one.
///
/// Works around Bochs 2.7 (behaviour exit-leaves-no-trap). If an instruction that causes an exit executes with TF set,
/// its trap comes before the instruction that the CPU executes next, whatever that is. Applies after a run that was
/// stepped, or that ended with TF set. Can go when nobody uses that Bochs.
class StaleTrap {
  public:
    /// Notes whether the run that ended with `exit` may have left a trap.
    void note(Guest& guest, const kvm::Exit& exit);
    /// Removes the trap, if there may be one, by stepping an instruction of the harness's own. Keeps registers and
    /// events.
    void drop(Guest& guest);

  private:
    bool may_be_left_ = false;
};

}  // namespace quirks
}  // namespace gatecrash::vm
