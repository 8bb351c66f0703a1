// Tells what became of each variant, on the terminal and in every document that is asked for, wherever it was swept.
#pragma once

#include <functional>
#include <optional>

#include "cli/output.hpp"

namespace gatecrash::cli {

/// The result of the next task, waited for. Empty if the work ended before it began.
using ResultSource = std::function<std::optional<suite::Result>()>;

/// What is printed of one of the results of `run` when it is there, in lines. Their columns are the same for all of
/// `tasks`.
[[nodiscard]] std::string lines_of(const suite::Result& result, const std::vector<Task>& tasks);

/// Prints, for `run`, each result as it comes, then the sum of all. Returns the exit code.
[[nodiscard]] int report_run(const Sweeping& sweeping, Documents& documents, const report::MachineDescription& machine,
                             const ResultSource& next);

/// Prints the one result of `explore`. Reports an exception of `next` as an error, and rethrows it.
[[nodiscard]] int report_exploration(const Sweeping& sweeping, Documents& documents,
                                     const report::MachineDescription& machine, const ResultSource& next);

}  // namespace gatecrash::cli
