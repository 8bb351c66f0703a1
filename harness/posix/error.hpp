#pragma once

#include <string>

namespace gatecrash::posix {

/// Throws std::system_error for errno. Its message begins with `what`, the call or the file that failed.
[[noreturn]] void throw_errno(const std::string& what);

}  // namespace gatecrash::posix
