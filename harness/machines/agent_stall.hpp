// Gets the machine out of a guest that keeps it.
//
// Bochs 2.7 holds the host's interrupts back while a guest runs that was entered with IF=0, until that guest changes IF
// or exits: VM entry does not look at external-interrupt exiting (it should be as SDM volume 3, "External-Interrupt
// Exiting" says: regardless of IF). A guest that loops there would keep the only CPU for ever. An NMI does exit. So an
// NMI is due a little later than the agent wakes, and each time it wakes it puts the NMI off: as long as interrupts get
// through there is none.
#pragma once

#include "posix/file_descriptor.hpp"

namespace gatecrash::machines {

class StallBreaker {
  public:
    /// Lets interrupt 0 be an NMI. Throws std::system_error.
    StallBreaker();

    /// Readable when it is time for put_off().
    int fd() const { return timer_.get(); }
    void put_off() const;

  private:
    posix::FileDescriptor timer_;
};

}  // namespace gatecrash::machines
