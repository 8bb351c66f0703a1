#pragma once

#include <span>

#include "suite/result.hpp"

namespace gatecrash::report {

/// What the program ends with (docs: "Exit codes" of the contract).
enum class ExitCode : int {
    as_expected = 0,
    unexpected = 1,   ///< a verdict differs from what was expected, or a finding where none was
    wrong_usage = 2,  ///< or wrong input
    error = 3,        ///< of the host or the harness
    nothing_ran = 4,  ///< everything was skipped
};

/// An error weighs most: what else is wrong may be its consequence.
[[nodiscard]] ExitCode exit_code_of(std::span<const suite::Result> results);

}  // namespace gatecrash::report
