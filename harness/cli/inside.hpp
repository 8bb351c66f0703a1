#pragma once

#include <unistd.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "cli/output.hpp"
#include "machines/run.hpp"

namespace gatecrash::cli {

/// Returns the emulated machine to use if `asked` does not name the one that this process runs on. It is the machine
/// that was asked for, or the usual one for `auto`.
[[nodiscard]] const machines::Machine& emulated_machine_for(MachineName asked);

/// Connects the program inside a machine with this one.
struct Connection {
    Words inputs{};                  ///< the user's files that it needs
    Documents* documents = nullptr;  ///< receive the documents that it writes
    /// Receive documents, by their options, that the caller edits before it writes them.
    std::map<std::string, std::string*> texts{};
    std::optional<int> in{};  ///< if not given, standard input is empty
    int out = STDOUT_FILENO, err = STDERR_FILENO;
};

/// Runs the command of `options` again inside the emulated machine for it, and returns the exit code. Throws
/// machines::MachineError or report::OutputWriteError.
[[nodiscard]] int run_inside(const CommonOptions& options, const Connection& connection);

/// The exit code and the standard output of a command.
struct InsideOutput {
    int code = 0;
    std::string text;
};
/// Runs the command line `words` inside the emulated machine `machine`. The command needs the files `inputs` there.
[[nodiscard]] InsideOutput output_from_inside(const machines::Machine& machine, const Words& words,
                                              const Words& inputs = {});

}  // namespace gatecrash::cli
