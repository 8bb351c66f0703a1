#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "sweep/result.hpp"

namespace gatecrash::sweep {

/// Returns the result of the whole sweep; `shards` are all its shards. A shard does not know at which length another
/// one finds something, so merge() drops the results of longer schedules. Nor does it know how many findings others
/// have. With `max_findings`, which must be that of the shards, merge() drops everything after the last finding that
/// counts.
[[nodiscard]] SweepResult merge(std::span<const SweepResult> shards, std::uint64_t max_findings = 0);

/// Returns the last block that a sweep can need if its shards have found `findings`, all of the same length. Empty if
/// there are too few findings to stop the sweep.
[[nodiscard]] std::optional<std::uint64_t> last_block(std::span<const Finding> findings, std::uint64_t max_findings);

/// True if a result keeps only the first of the two findings: see SweepResult::findings.
[[nodiscard]] bool are_alike(const Finding& one, const Finding& other);

}  // namespace gatecrash::sweep
