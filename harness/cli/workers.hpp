#pragma once

#include <optional>

#include "gatecrash/explore/judge.hpp"
#include "gatecrash/report/machine_description.hpp"
#include "options.hpp"
#include "select.hpp"

namespace gatecrash::cli {

/// Sweeps a variant, or the file that `explore` names, with `options.jobs` workers: this program again as a child, each
/// with a shard of the sweep and on a machine of its own. SIGINT and SIGTERM, which InterruptGuard notes, are passed on
/// to them; they end with this process, however that ends. `machine` becomes the one they ran on. Empty: it was
/// interrupted before any worker began. Throws std::runtime_error if a worker ends without a result.
[[nodiscard]] std::optional<explore::Result> sweep_with_workers(const Options& options, const Selection& selection,
                                                                report::MachineDescription& machine);

}  // namespace gatecrash::cli
