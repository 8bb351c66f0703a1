// What is swept, and what the outcome means.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "cli/select.hpp"
#include "suite/result.hpp"
#include "worker/job.hpp"

namespace gatecrash::cli {

/// A sweep, and what is asked of it.
struct Task {
    std::string name;     ///< for people: CASE/VARIANT, or a file
    Selection selection;  ///< null pointers: a file of which nothing is known
    bool is_judged;       ///< compared with what the variant expects; else whatever breaks is a finding
    worker::Sweep sweep;
};

/// The work that `run` or `explore` is asked for.
struct Sweeping {
    std::string command;  ///< whose help says more
    SweepingOptions options;
    Words deciding;  ///< a command line with the words that decide what is swept and how it is judged, and no other
    std::vector<Task> tasks;
};

/// Returns the variants of tasks that all have one.
[[nodiscard]] std::vector<Selection> selections_of(const std::vector<Task>& tasks);

/// Returns a sweep of a variant as the variant says, with the limits and the stepper of `options`.
[[nodiscard]] worker::Sweep sweep_of(const SweepingOptions& options, const Selection& selection);
/// Gives `sweep` the limits and the stepper of `options`.
void limit(worker::Sweep& sweep, const SweepingOptions& options);

/// Returns the beginning of Sweeping::deciding: the command and the options that `run` and `explore` share.
[[nodiscard]] Words deciding_words(const std::string& command, const SweepingOptions& options);

/// Says what the result of a task is about, with the expectation on a CPU of `vendor` if it is judged.
[[nodiscard]] suite::About about(const Task& task, sweep::Shard shard, vm::Vendor vendor);

/// Returns whether findings are shown during the sweep. Those of a variant that is expected to break are not.
[[nodiscard]] bool shows_findings(const Task& task, vm::Vendor vendor);

/// Returns what a sweep of which `shards` are all the shards means: compared with what is expected, or else whether
/// anything breaks. Each shard stopped after `max_findings` findings, if any.
[[nodiscard]] suite::Result result_of(const suite::About& about, std::span<const sweep::SweepResult> shards,
                                      std::optional<std::uint64_t> max_findings);

}  // namespace gatecrash::cli
