// The part of `bench linux` that sweeps as `linux` does.
#pragma once

#include <string>
#include <vector>

#include "bench/figure.hpp"
#include "cli/options.hpp"

namespace gatecrash::cli {

/// Returns the files of two saved kernels on the machine that `asked` means. They differ only in the size of their
/// memory. Throws the exceptions of ready_kernel().
[[nodiscard]] Words kernels_to_measure(MachineName asked);

/// Measures how long sweeps take from their first schedule to their last one. The note of each figure has its aim.
/// Throws the exceptions of `linux`.
[[nodiscard]] std::vector<bench::Figure> measure_kernel_sweeps(MachineName asked);

}  // namespace gatecrash::cli
