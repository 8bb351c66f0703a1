// Takes the CPU back from a guest that keeps it.
//
// Bochs 2.7 holds the host's interrupts back while a guest runs that was entered with IF=0, until that guest changes IF
// or exits. VM entry should take external-interrupt exiting into account, which does not depend on IF (SDM volume 3,
// "External-Interrupt Exiting"), but Bochs does not. So a guest that loops there would keep the only CPU for ever. But
// an NMI does cause an exit. So an NMI is due a little later than the agent wakes, and each time the agent wakes it
// puts the NMI off. As long as interrupts get through, no NMI comes.
#pragma once

#include "posix/file_descriptor.hpp"

namespace gatecrash::machines {

class StallBreaker {
  public:
    /// Makes interrupt 0 an NMI. Throws std::system_error.
    StallBreaker();

    /// Returns a descriptor that is readable when it is time for put_off().
    int fd() const { return timer_.get(); }
    /// Puts the NMI off.
    void put_off() const;

  private:
    posix::FileDescriptor timer_;
};

}  // namespace gatecrash::machines
