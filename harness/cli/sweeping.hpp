#pragma once

#include "gatecrash/explore/judge.hpp"
#include "gatecrash/kvm/system.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "target.hpp"

namespace gatecrash::cli {

/// Boots `image` and sweeps it. The progress and stop members of `options` are set in here.
/// Throws what explore::sweep() and machine::Machine throw.
[[nodiscard]] explore::SweepResult sweep_image(const kvm::System& system, const machine::Image& image,
                                               explore::SweepOptions options, ProgressDisplay& progress);

/// A result that names what is swept and what it is expected to do, without a verdict. An empty `selection` is the file
/// that `explore` sweeps.
[[nodiscard]] explore::Result blank_result(const Options& options, const Selection& selection);

/// What `sweep` means: for `run` compared with what the variant expects, for `explore` whether anything breaks.
[[nodiscard]] explore::Result judged(const Options& options, const Selection& selection, explore::SweepResult sweep);

/// The result of which `shards` are the results of all shards. Its seconds are theirs together.
[[nodiscard]] explore::Result merged(const Options& options, const Selection& selection,
                                     const std::vector<explore::Result>& shards);

}  // namespace gatecrash::cli
