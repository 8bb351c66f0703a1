#pragma once

#include "debug/stub.hpp"

namespace gatecrash::debug {

/// Serves one connection until gdb detaches or closes it, or until `stop` is readable. `in` and `out` may be the same
/// descriptor, and `stop` may be -1. Throws std::system_error if the connection fails otherwise.
void serve(Stub& stub, int in, int out, int stop);

}  // namespace gatecrash::debug
