#pragma once

#include "cli/options.hpp"

namespace gatecrash::cli {

/// Returns a command line that makes this program a worker on `machine`, which reads the user's `files`. With `basics`,
/// the worker measures only what decides that the machine is fit, which takes half the time.
[[nodiscard]] Words worker_words(const machines::Machine& machine, const Words& files, bool basics);

}  // namespace gatecrash::cli
