#pragma once

#include <string>
#include <vector>

#include "bench/figure.hpp"
#include "kvm/system.hpp"

namespace gatecrash::bench {

/// Measures what a schedule of a Linux kernel costs on this machine: an NMI at the boundaries of getpid(). `saved` and
/// `larger` are saved kernels that differ only in the size of their memory. A restore should take the same time with
/// both. The note of each figure has its aim. Throws kvm::Error, vm::ImageError.
[[nodiscard]] std::vector<Figure> measure_kernel(const kvm::System& system, const std::string& saved,
                                                 const std::string& larger);

}  // namespace gatecrash::bench
