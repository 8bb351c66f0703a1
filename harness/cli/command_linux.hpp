#pragma once

#include "cli/sweeping.hpp"
#include "cli/values.hpp"
#include "report/shard_document.hpp"

namespace gatecrash::cli {

/// Returns the work that the shards of a `linux` divide. `values` are the words of `document`. Its results name the
/// sweeps, so this needs no kernel. Throws UsageError.
[[nodiscard]] Sweeping sweeping_of_kernel_shards(const Values& values, const report::ShardDocument& document);

}  // namespace gatecrash::cli
