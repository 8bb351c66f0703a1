// Tells what became of each variant, on the terminal and in every document that is asked for, wherever it was swept.
#pragma once

#include <functional>
#include <optional>

#include "cli/output.hpp"

namespace gatecrash::cli {

/// The result of a variant, waited for. Empty if the work ended before it began.
using ResultSource = std::function<std::optional<suite::Result>(const Selection&)>;

/// What is printed of one of the results of `run` when it is there, in lines. Their columns are the same for all of
/// `selections`.
[[nodiscard]] std::string lines_of(const suite::Result& result, const std::vector<Selection>& selections);

/// Of `run`: each of `selections` as its result comes, then the sum of all. Returns the exit code.
[[nodiscard]] int report_run(const Options& options, const std::vector<Selection>& selections, Documents& documents,
                             const report::MachineDescription& machine, const ResultSource& result_of);

/// Of `explore`, whose target is `selection` or, if that is empty, a file. What `result_of` throws is reported as an
/// error and thrown on.
[[nodiscard]] int report_exploration(const Options& options, const Selection& selection, Documents& documents,
                                     const report::MachineDescription& machine, const ResultSource& result_of);

}  // namespace gatecrash::cli
