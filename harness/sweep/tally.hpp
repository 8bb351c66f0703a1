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

/// Thrown by Tally::add() at the last finding that was asked for.
struct EnoughFound {};

/// Counts what a sweep does, and keeps what it finds.
class Tally {
  public:
    explicit Tally(const SweepOptions& options) : options_(options) { result_.levels.emplace_back(); }

    [[nodiscard]] const SweepResult& result() const { return result_; }
    [[nodiscard]] std::vector<std::string> broken() const { return {broken_.begin(), broken_.end()}; }
    /// Goes on from a result and the schedules that broke something so far.
    void go_back_to(const Checkpoint& checkpoint);

    /// Begins the schedules with one event more.
    void next_level();
    /// Begins a block of boundaries. A resumed sweep passes again through the blocks before its checkpoint, whose
    /// stretches it has already.
    void enter_block(std::uint64_t block);
    void count_run();
    void count_pruned(std::uint64_t number);
    void count_boundaries(std::uint64_t boundaries) { result_.boundaries = std::max(result_.boundaries, boundaries); }
    [[nodiscard]] std::uint64_t schedules_run() const;
    [[nodiscard]] Extremes& extremes() { return result_.levels.back().extremes; }

    /// Whether a finding like `schedule` is known.
    [[nodiscard]] bool knows(std::uint64_t window, const std::vector<Landing>& schedule) const {
        return groups_.contains(group_of(window, schedule));
    }
    /// Notes a schedule that breaks something: as the first of its group, with its `finding`, or as one more.
    void add(std::uint64_t window, const std::vector<Landing>& schedule, std::optional<Finding> finding);

    void interrupt() { result_.interrupted = true; }
    void run_out(const Coverage& coverage) { result_.not_exhaustive = coverage; }
    void stop_early() { result_.stopped_after = options_.max_findings; }
    /// Every shard has to run the empty schedule, as the reference; one counts it.
    [[nodiscard]] SweepResult finish();

  private:
    [[nodiscard]] Stretch* stretch();
    void add(Finding finding);

    const SweepOptions& options_;
    SweepResult result_;
    std::map<FindingGroup, std::size_t> groups_;  ///< where in result_.findings
    std::set<std::string> broken_;
};

}  // namespace gatecrash::sweep
