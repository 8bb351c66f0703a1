#pragma once

#include "gatecrash/explore/judge.hpp"
#include "gatecrash/kvm/system.hpp"
#include "progress.hpp"
#include "target.hpp"

namespace gatecrash::cli {

/// Boots `image` and sweeps it. The progress and stop members of `options` are set in here.
/// Throws what explore::sweep() and machine::Machine throw.
[[nodiscard]] explore::SweepResult sweep_image(const kvm::System& system, const machine::Image& image,
                                               explore::SweepOptions options, ProgressDisplay& progress);

/// Makes `result` one of a sweep that did not come to its end, which has no verdict.
void mark_interrupted(explore::Result& result);

/// A result that names the variant and what it expects, without a verdict.
[[nodiscard]] explore::Result blank_result(const Selection& selection);

}  // namespace gatecrash::cli
