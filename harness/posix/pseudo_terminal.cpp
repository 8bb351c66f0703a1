#include "posix/pseudo_terminal.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>

#include <array>

#include "posix/error.hpp"
#include "posix/file.hpp"

namespace gatecrash::posix {

PseudoTerminal make_pseudo_terminal() {
    PseudoTerminal made{.controller = open_file("/dev/ptmx", O_RDWR | O_NOCTTY), .terminal = {}};
    std::array<char, 64> name{};
    // Does not call grantpt(): Linux creates the terminal with the right owner and mode (pts(4)).
    if (::unlockpt(made.controller.get()) != 0) throw_errno("unlockpt");
    if (::ptsname_r(made.controller.get(), name.data(), name.size()) != 0) throw_errno("ptsname");
    made.terminal = open_file(name.data(), O_RDWR | O_NOCTTY);
    termios mode{};
    if (::tcgetattr(made.terminal.get(), &mode) != 0) throw_errno("tcgetattr");
    ::cfmakeraw(&mode);
    if (::tcsetattr(made.terminal.get(), TCSANOW, &mode) != 0) throw_errno("tcsetattr");
    return made;
}

}  // namespace gatecrash::posix
