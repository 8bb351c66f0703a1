// The part of `bench linux` that sweeps as `linux` does.
#pragma once

#include <string>
#include <vector>

#include "bench/figure.hpp"
#include "cli/options.hpp"

namespace gatecrash::cli {

/// Returns the files of two saved kernels on the machine that `asked` means. They differ only in the size of their
/// memory. Throws as ready_kernel() does.
[[nodiscard]] Words kernels_to_measure(MachineName asked);

/// Measures how long sweeps take from their first schedule to their last one. Notes say what each should reach. Throws
/// as `linux` does.
[[nodiscard]] std::vector<bench::Figure> measure_kernel_sweeps(MachineName asked);

}  // namespace gatecrash::cli
