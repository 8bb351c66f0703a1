#pragma once

#include <unistd.h>

#include <string>
#include <vector>

#include "cli/options.hpp"
#include "cli/output.hpp"
#include "machines/run.hpp"

namespace gatecrash::cli {

/// The emulated machine for `options` when it is not this one: the one that was asked for, or the one `auto` takes.
[[nodiscard]] MachineName emulated_machine_for(const Options& options);

/// Of `amd` and `intel`.
[[nodiscard]] machines::MachineKind kind_of(MachineName emulated);

/// Runs this program again inside that machine, with `options`, and returns its exit code. What it writes to the
/// files of its documents ends in `documents`. `inputs` are files of the user's that it needs. Throws
/// machines::MachineError or report::OutputWriteError. What it prints goes to `out`.
[[nodiscard]] int run_inside(const Options& options, Documents& documents, const std::vector<std::string>& inputs = {},
                             int out = STDOUT_FILENO);

/// The same, for the JSON that the program inside writes, and nothing else; whatever documents `options` ask for.
struct InsideDocument {
    int code = 0;
    std::string json;
};
[[nodiscard]] InsideDocument json_from_inside(Options options);

}  // namespace gatecrash::cli
