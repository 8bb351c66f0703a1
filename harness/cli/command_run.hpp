#pragma once

#include "cli/sweeping.hpp"
#include "cli/values.hpp"

namespace gatecrash::cli {

struct RunOptions {
    SweepingOptions sweeping;
    Words patterns;  ///< or names of files
};

/// Reads the options. Throws UsageError.
[[nodiscard]] RunOptions read_run(const Values& values);
/// Returns what to sweep. Throws UsageError for a pattern that matches nothing, and for a file without expectations.
[[nodiscard]] Sweeping sweeping_of(const RunOptions& options);

}  // namespace gatecrash::cli
