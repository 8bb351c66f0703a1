#pragma once

#include "cli/sweeping.hpp"
#include "cli/values.hpp"
#include "report/shard_document.hpp"

namespace gatecrash::cli {

/// Returns the work of a `linux` with these options. Boots the kernel if that is needed.
[[nodiscard]] Sweeping sweeping_of_kernel(const Values& values);

/// Returns the work that the shards of a `linux` divide. `values` are the words of `document`. Its results name the
/// sweeps, so this needs no kernel. Throws UsageError.
[[nodiscard]] Sweeping sweeping_of_kernel_shards(const Values& values, const report::ShardDocument& document);

}  // namespace gatecrash::cli
