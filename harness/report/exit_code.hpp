#pragma once

#include <span>

#include "suite/result.hpp"

namespace gatecrash::report {

/// The exit codes of the program. `gatecrash run --help` describes them.
enum class ExitCode : int {
    as_expected = 0,
    unexpected = 1,   ///< a verdict differs from the expectation, or something breaks without one
    wrong_usage = 2,  ///< wrong command line or wrong input
    error = 3,        ///< a fault of the host or the harness
    nothing_ran = 4,  ///< everything was skipped
    partial = 5,      ///< a merge lacks shards
};

/// Returns the exit code for `results`. An error decides first, because it may cause whatever else is wrong.
[[nodiscard]] ExitCode exit_code_of(std::span<const suite::Result> results);

}  // namespace gatecrash::report
