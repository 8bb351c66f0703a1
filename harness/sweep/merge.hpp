#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "sweep/result.hpp"

namespace gatecrash::sweep {

/// What the sweep of which `shards` are all the shards gives as a whole. A shard does not know at which length another
/// one finds something, so merge() drops the results of longer schedules. Nor does it know how many findings others
/// have: with `max_findings`, which has to be that of the shards, merge() drops everything after the last finding that
/// counts.
[[nodiscard]] SweepResult merge(std::span<const SweepResult> shards, std::uint64_t max_findings = 0);

/// Returns the last block that a sweep can need if its shards have found `findings`, all of the same length. Empty if
/// these are too few to stop it.
[[nodiscard]] std::optional<std::uint64_t> last_block(std::span<const Finding> findings, std::uint64_t max_findings);

/// Returns whether a result keeps only the first of the two: see SweepResult::findings.
[[nodiscard]] bool are_alike(const Finding& one, const Finding& other);

}  // namespace gatecrash::sweep
