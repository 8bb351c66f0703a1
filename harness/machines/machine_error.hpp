// The one exception of the emulated machine.
#pragma once

#include "failure.hpp"

namespace gatecrash::machines {

/// The machine could not be built, started, or kept alive: never the fault of the program inside.
class MachineError : public Failure {
  public:
    using Failure::Failure;
};

}  // namespace gatecrash::machines
