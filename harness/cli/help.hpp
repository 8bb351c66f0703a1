#pragma once

#include <string>

namespace gatecrash::cli {

/// The page of a command, or the general one for "".
[[nodiscard]] std::string help_text(const std::string& command);

}  // namespace gatecrash::cli
