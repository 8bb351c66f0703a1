#pragma once

#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "cli/output.hpp"
#include "machines/run.hpp"

namespace gatecrash::cli {

/// The emulated machine for who `asked` for this one when it is not the one that this process runs on: the one that was
/// asked for, or the one that `auto` takes.
[[nodiscard]] const machines::Machine& emulated_machine_for(MachineName asked);

/// Connects the program inside a machine with this one.
struct Connection {
    Words inputs{};                  ///< files of the user's that it needs
    Documents* documents = nullptr;  ///< get what it writes to its own
    std::optional<int> in{};         ///< none: standard input is empty
    int out = STDOUT_FILENO;
};

/// Runs the command of `options` again inside the emulated machine for it, and returns the exit code. Throws
/// machines::MachineError or report::OutputWriteError.
[[nodiscard]] int run_inside(const CommonOptions& options, const Connection& connection);

/// Runs the command line `words` inside the emulated machine `machine`, for what it writes to standard output.
struct InsideOutput {
    int code = 0;
    std::string text;
};
[[nodiscard]] InsideOutput output_from_inside(const machines::Machine& machine, const Words& words);

}  // namespace gatecrash::cli
