// What is swept, and what the outcome means.
#pragma once

#include "cli/options.hpp"
#include "cli/select.hpp"
#include "cli/target.hpp"
#include "report/machine_description.hpp"
#include "suite/result.hpp"

namespace gatecrash::cli {

/// What `run` or `explore` sweeps, in order. Of `explore` it is one; empty (null pointers) if its target is a file.
/// Throws UsageError.
[[nodiscard]] std::vector<Selection> selections_of(const Options& options);

/// The guest of one of them. Throws vm::ImageError, or UsageError for a file that is not there.
[[nodiscard]] vm::Image image_of(const Options& options, const Selection& selection);

/// How one of them is swept, with `stepper` if no other is asked for and it follows what lands; without the members
/// that are about watching it. Throws vm::ImageError for a symbol that `image` lacks.
[[nodiscard]] sweep::SweepOptions sweep_options_of(const Options& options, const Selection& selection,
                                                   const vm::Image& image, vm::StepperKind stepper);

/// What the result of one of them is about: for `run` with what is expected on a CPU of `vendor`.
[[nodiscard]] suite::About about(const Options& options, const Selection& selection, vm::Vendor vendor);

/// Limit of the findings that are shown during one sweep. The result has all of them.
constexpr std::uint64_t most_shown = 25;
/// Returns whether findings are shown during the sweep. Those of a variant that is expected to break are not.
[[nodiscard]] bool shows_findings(const Options& options, const Selection& selection, vm::Vendor vendor);
/// Returns how many findings a worker reports at once: those to show, and those that may end the work of others.
[[nodiscard]] std::uint64_t findings_to_tell(const Options& options, const Selection& selection, vm::Vendor vendor);

/// Why `machine` is not fit for the variant: what it needs of behaviours that are not as on silicon. Empty if it is.
[[nodiscard]] std::string missing_behaviours(const Selection& selection, const report::MachineDescription& machine);

/// Returns what a sweep of which `shards` are all the shards means: for `run` compared with what the variant expects,
/// for `explore` whether anything breaks. Each shard stopped after `max_findings` findings; 0: none did.
[[nodiscard]] suite::Result result_of(const suite::About& about, std::span<const sweep::SweepResult> shards,
                                      std::uint64_t max_findings);

}  // namespace gatecrash::cli
