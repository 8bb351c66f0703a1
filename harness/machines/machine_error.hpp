// The exception that emulated machines throw.
#pragma once

#include "failure.hpp"

namespace gatecrash::machines {

/// Thrown if a machine cannot be built, started, or kept alive. It is never the fault of the program inside.
class MachineError : public Failure {
  public:
    using Failure::Failure;
};

}  // namespace gatecrash::machines
