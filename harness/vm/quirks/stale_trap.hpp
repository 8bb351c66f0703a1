#pragma once

#include "kvm/exit.hpp"

namespace gatecrash::vm {

class Guest;

namespace quirks {

/// A trap that a run has left to the next one.
///
/// Whose: Bochs 2.7. If an instruction that exits by itself executes with TF set, its trap comes before whatever is
/// executed next. Turned on by: a run that was stepped, or that ended with TF set. Can go: with that Bochs.
class StaleTrap {
  public:
    /// Notes, after a run that ended with `exit`, whether it may have left a trap.
    void note(Guest& guest, const kvm::Exit& exit);
    /// Takes the trap away, if there may be one, by a step of the harness's own. Keeps registers and events.
    void drop(Guest& guest);

  private:
    bool may_be_left_ = false;
};

}  // namespace quirks
}  // namespace gatecrash::vm
