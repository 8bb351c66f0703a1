#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gatecrash/emulator/run.hpp"
#include "gatecrash/report/output_file.hpp"
#include "options.hpp"

namespace gatecrash::cli {

/// Runs this program again inside the `amd` machine, with `options`, and returns its exit code. What it writes to its
/// JSON file ends in `json`. `inputs` are files of the user's that it needs. Throws emulator::MachineError or
/// report::OutputWriteError.
[[nodiscard]] int run_inside(const Options& options, std::optional<report::OutputFile>& json,
                             const std::vector<std::string>& inputs = {});

}  // namespace gatecrash::cli
