// Implements `run --machine all`.
#pragma once

#include "cli/output.hpp"

namespace gatecrash::cli {

/// Runs `sweeping`, whose results are judged, on every machine, one after another. Reports the results of each machine,
/// and at the end all machines side by side. If a machine is not set up or not fit, that is reported with the remedy.
/// It is not a failure as long as another machine can be used. Returns the exit code. Throws what Workers throw, except
/// errors about a machine.
[[nodiscard]] int run_on_every_machine(const Sweeping& sweeping, Documents& documents);

}  // namespace gatecrash::cli
