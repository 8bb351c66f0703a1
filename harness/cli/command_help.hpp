#pragma once

#include <string>

namespace gatecrash::cli {

/// Says what the program finds, for its help and its manual page.
inline constexpr const char* what_it_finds =
    "the instruction at which an interrupt or NMI breaks x86 kernel entry code";

/// These functions print to standard output, and return the exit code.
int print_help(const std::string& topic);
int print_version();

}  // namespace gatecrash::cli
