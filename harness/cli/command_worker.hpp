#pragma once

#include "cli/options.hpp"

namespace gatecrash::cli {

/// Returns a command line that makes this program a worker on `machine`, which reads the user's `files`.
[[nodiscard]] Words worker_words(const machines::Machine& machine, const Words& files);

}  // namespace gatecrash::cli
