// What is swept, and what the outcome means.
#pragma once

#include "cli/options.hpp"
#include "cli/select.hpp"
#include "suite/result.hpp"
#include "worker/job.hpp"

namespace gatecrash::cli {

/// What `run` or `explore` sweeps, in order. Of `explore` it is one; empty (null pointers) if its target is a file.
/// Throws UsageError.
[[nodiscard]] std::vector<Selection> selections_of(const Options& options);

/// The name of one of them, for people.
[[nodiscard]] std::string target_name(const Options& options, const Selection& selection);

/// How one of them is swept.
[[nodiscard]] worker::Sweep sweep_of(const Options& options, const Selection& selection);

/// What the result of one of them is about: for `run` with what is expected on a CPU of `vendor`.
[[nodiscard]] suite::About about(const Options& options, const Selection& selection, vm::Vendor vendor);

/// Returns whether findings are shown during the sweep. Those of a variant that is expected to break are not.
[[nodiscard]] bool shows_findings(const Options& options, const Selection& selection, vm::Vendor vendor);

/// Returns what a sweep of which `shards` are all the shards means: for `run` compared with what the variant expects,
/// for `explore` whether anything breaks. Each shard stopped after `max_findings` findings; 0: none did.
[[nodiscard]] suite::Result result_of(const suite::About& about, std::span<const sweep::SweepResult> shards,
                                      std::uint64_t max_findings);

}  // namespace gatecrash::cli
