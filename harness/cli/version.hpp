#pragma once

namespace gatecrash::cli {

/// The version of the project, from its build file.
inline constexpr const char* version = GATECRASH_VERSION;

}  // namespace gatecrash::cli
