#pragma once

#include "cli/sweeping.hpp"
#include "cli/values.hpp"

namespace gatecrash::cli {

/// Returns the work of a `kernel` with these options. Needs no image. Throws UsageError.
[[nodiscard]] Sweeping sweeping_of_image(const Values& values);

}  // namespace gatecrash::cli
