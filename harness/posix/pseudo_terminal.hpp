#pragma once

#include "posix/file_descriptor.hpp"

namespace gatecrash::posix {

/// The two ends of a pseudo-terminal. It translates no byte, in neither direction (cfmakeraw(3)).
struct PseudoTerminal {
    FileDescriptor controller;
    FileDescriptor terminal;  ///< what a program takes for its terminal
};

/// Makes a pseudo-terminal that becomes nobody's controlling terminal by that. Throws std::system_error.
[[nodiscard]] PseudoTerminal make_pseudo_terminal();

}  // namespace gatecrash::posix
