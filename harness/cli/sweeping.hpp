// Describes what is swept, and what the outcome means.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "cli/select.hpp"
#include "report/json_report.hpp"
#include "suite/result.hpp"
#include "worker/job.hpp"

namespace gatecrash::cli {

/// A sweep, and how its result is used.
struct Task {
    std::string name;     ///< for people: CASE/VARIANT, or the name of a file
    Selection selection;  ///< null pointers: a file about which nothing is known
    bool is_judged;       ///< true: compared with the variant's expectation; false: whatever breaks is a finding
    worker::Sweep sweep;
    Words replay_options{};  ///< options that `replay` needs for schedules of this sweep
};

/// The work of one `run`, `explore`, `linux` or `kernel`.
struct Sweeping {
    std::string command;  ///< the command whose help a message names
    SweepingOptions options;
    Words deciding;  ///< a command line with only the words that decide what is swept and how it is judged
    std::vector<Task> tasks;
    std::vector<report::MissingShard> missing{};  ///< shards that a merge lacks
};

/// Returns the variants of `tasks`. Every task must have one.
[[nodiscard]] std::vector<Selection> selections_of(const std::vector<Task>& tasks);

/// Returns the sweep that a variant describes, with the limits and the stepper of `options`.
[[nodiscard]] worker::Sweep sweep_of(const SweepingOptions& options, const Selection& selection);
/// Sets the limits and the stepper of `sweep` to those of `options`.
void limit(worker::Sweep& sweep, const SweepingOptions& options);

/// Returns the beginning of Sweeping::deciding: the command, and the options that `run` and `explore` share.
[[nodiscard]] Words deciding_words(const std::string& command, const SweepingOptions& options);

/// Names the task of a result. If the result is judged, adds the expectation for a CPU of `vendor`.
[[nodiscard]] suite::About about(const Task& task, sweep::Shard shard, vm::Vendor vendor);

/// True if findings are shown during the sweep. Findings of a variant that is expected to break are not.
[[nodiscard]] bool shows_findings(const Task& task, vm::Vendor vendor);

/// Returns the result of a sweep. Compares it with the expectation, or, without one, says if anything breaks.
[[nodiscard]] suite::Result result_of(const suite::About& about, sweep::SweepResult sweep);
/// Returns the result of `sweep`, which lacks some shards or parts of them. Judges it only if something breaks where
/// nothing may, which no other shard can change. Otherwise skips it, because of `why`.
[[nodiscard]] suite::Result partial_result_of(const suite::About& about, sweep::SweepResult sweep, std::string why);

}  // namespace gatecrash::cli
