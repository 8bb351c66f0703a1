#pragma once

#include <string>

namespace gatecrash::cli {

/// These functions print to standard output, and return the exit code.
int print_help(const std::string& topic);
int print_version();

}  // namespace gatecrash::cli
