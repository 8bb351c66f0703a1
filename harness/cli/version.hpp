#pragma once

namespace gatecrash::cli {

/// Of the project, from its build file.
inline constexpr const char* version = GATECRASH_VERSION;

}  // namespace gatecrash::cli
