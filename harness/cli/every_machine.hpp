// `run --machine all`.
#pragma once

#include "cli/output.hpp"

namespace gatecrash::cli {

/// Does `sweeping`, which is judged, on each machine there is, one machine after the other, tells what became of each,
/// and in the end the machines side by side. A machine that is not set up or not fit is named with its remedy, and no
/// failure as long as there is another. Returns the exit code. Throws what Workers throw that is not about a machine.
[[nodiscard]] int run_on_every_machine(const Sweeping& sweeping, Documents& documents);

}  // namespace gatecrash::cli
