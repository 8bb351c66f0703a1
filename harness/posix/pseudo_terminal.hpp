#pragma once

#include "posix/file_descriptor.hpp"

namespace gatecrash::posix {

/// The two ends of a pseudo-terminal. It translates no byte, in neither direction (cfmakeraw(3)).
struct PseudoTerminal {
    FileDescriptor controller;
    FileDescriptor terminal;  ///< the end that a program uses as its terminal
};

/// Makes a pseudo-terminal. It does not become the controlling terminal of this process. Throws std::system_error.
[[nodiscard]] PseudoTerminal make_pseudo_terminal();

}  // namespace gatecrash::posix
