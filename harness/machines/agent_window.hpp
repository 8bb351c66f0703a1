// The agent's end of the memory through which input files come: see file_window.hpp.
#pragma once

#include <cstddef>
#include <vector>

#include "machines/protocol.hpp"
#include "posix/file_descriptor.hpp"

namespace gatecrash::machines {

class AgentWindow {
  public:
    /// Copies `pieces` from the window into the file `to`. The first call looks for the window, which is BAR 2 of a PCI
    /// device without a driver. Throws std::runtime_error and std::system_error.
    void copy(const std::vector<FilePiece>& pieces, int to);

  private:
    void open();

    posix::FileDescriptor memory_;
};

}  // namespace gatecrash::machines
