// Reports the result of each variant, on the terminal and in every document that the user asked for.
#pragma once

#include <functional>
#include <optional>

#include "cli/output.hpp"

namespace gatecrash::cli {

/// Waits for the result of the next task, and returns it. Empty if the work ended before that task began.
using ResultSource = std::function<std::optional<suite::Result>()>;

/// Returns the lines that `run` prints for one result as soon as it is known. Their columns are the same for all of
/// `tasks`.
[[nodiscard]] std::string lines_of(const suite::Result& result, const std::vector<Task>& tasks);

/// Prints each result of `run` as it comes, then the summary. Returns the exit code.
[[nodiscard]] int report_run(const Sweeping& sweeping, Documents& documents, const report::MachineDescription& machine,
                             const ResultSource& next);

/// Prints the one result of `explore`. Reports an exception of `next` as an error, and rethrows it.
[[nodiscard]] int report_exploration(const Sweeping& sweeping, Documents& documents,
                                     const report::MachineDescription& machine, const ResultSource& next);

/// Lets workers do all of `sweeping`, and reports the results by one of the functions above. Returns the exit code.
/// Throws what Workers throws.
[[nodiscard]] int sweep_and_report(const Sweeping& sweeping, decltype(report_run)& report);

}  // namespace gatecrash::cli
