#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sweep/finding_group.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::sweep {

/// Thrown by Tally::add() after the last finding that the options ask for.
struct EnoughFound {};

/// Counts what a sweep does, and keeps what it finds.
class Tally {
  public:
    explicit Tally(const SweepOptions& options) : options_(options) { result_.levels.emplace_back(); }

    [[nodiscard]] const SweepResult& result() const { return result_; }
    [[nodiscard]] std::vector<std::string> broken() const { return {broken_.begin(), broken_.end()}; }
    /// Restores the counts and findings of a checkpoint.
    void go_back_to(const Checkpoint& checkpoint);

    /// Begins the schedules with one more event.
    void next_level();
    /// Begins a block of boundaries. A resumed sweep passes again through the blocks before its checkpoint, and already
    /// has their stretches.
    void enter_block(std::uint64_t block);
    void count_run();
    void count_pruned(std::uint64_t number);
    void count_boundaries(std::uint64_t boundaries) { result_.boundaries = std::max(result_.boundaries, boundaries); }
    [[nodiscard]] std::uint64_t schedules_run() const;
    [[nodiscard]] Extremes& extremes() { return result_.levels.back().extremes; }
    [[nodiscard]] OutcomeMap& map() { return result_.map; }
    /// Adds instructions to the current level. A sweep that resumes meets again what earlier levels have.
    void add_executed(const vm::CodeSet& code);

    /// True if a finding like `schedule` is known.
    [[nodiscard]] bool knows(std::uint64_t window, const std::vector<Landing>& schedule) const {
        return groups_.contains(group_of(window, schedule));
    }
    /// Counts a schedule that breaks something. The first schedule of a group needs its `finding`.
    void add(std::uint64_t window, const std::vector<Landing>& schedule, std::optional<Finding> finding);

    void interrupt() { result_.interrupted = true; }
    void run_out(const Coverage& coverage) { result_.not_exhaustive = coverage; }
    void stop_early() { result_.stopped_after = options_.max_findings; }
    /// Returns the result. Every shard runs the empty schedule as its reference, but only the first shard counts it.
    [[nodiscard]] SweepResult finish();

  private:
    [[nodiscard]] Stretch* stretch();
    void add(Finding finding);

    const SweepOptions& options_;
    SweepResult result_;
    std::map<FindingGroup, std::size_t> groups_;  ///< index in result_.findings
    std::set<std::string> broken_;
};

}  // namespace gatecrash::sweep
