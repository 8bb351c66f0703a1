// Shares sweeps among workers.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "worker/job.hpp"
#include "worker/journal.hpp"
#include "worker/known_findings.hpp"
#include "worker/pool.hpp"

namespace gatecrash::worker {

/// The shards of a sweep, all of which ended or were interrupted.
struct SweptShards {
    std::vector<sweep::SweepResult> shards;
    double seconds = 0;        ///< time of the slowest shard
    sweep::TimeSpent spent{};  ///< the sum for all workers
};

/// The outcome of one sweep.
using Outcome = std::variant<SweptShards, Failed, Skipped>;

/// Receives the progress of the work.
class Watcher {
  public:
    Watcher() = default;
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    virtual ~Watcher() = default;

    /// Called when the work waits for the sweep with this index; end() is called when it no longer does.
    virtual void begin(std::size_t sweep) = 0;
    virtual void end() = 0;
    /// Called with the progress of all workers together in that sweep.
    virtual void progress(const sweep::Progress& progress) = 0;
    /// Called for a finding if no known finding is like it, or shorter.
    virtual void found(std::size_t sweep, const sweep::Finding& finding, const report::MachineDescription& machine) = 0;
    /// Called with each line that the first worker prints on standard error. Lines of other workers would only repeat
    /// it.
    virtual void says(const std::string& line) = 0;
};

/// The work that the workers share, and how to start one.
struct Assignment {
    std::vector<Sweep> sweeps;
    sweep::Shard shard;                ///< the part of each sweep that the workers divide further
    std::vector<std::string> command;  ///< the command line of a worker
    bool with_details = false;         ///< see sweep::SweepOptions
};

/// Shares `assignment.sweeps` among workers. Each worker sweeps one shard of every sweep.
class SharedWork {
  public:
    /// Starts as many workers as `journal` has. They resume where it says, and `file` saves their progress. `watcher`
    /// outlives this.
    SharedWork(Assignment assignment, Journal journal, JournalFile file, Watcher& watcher);

    /// Waits for the next sweep, and returns its outcome. Empty if the work was interrupted before that sweep began.
    /// Throws WorkerError; JournalError if a worker's machine is not the journal's; and report::OutputWriteError for
    /// the journal's file.
    [[nodiscard]] std::optional<Outcome> next();

    /// Returns the machine of the workers. It is known once there is an outcome.
    [[nodiscard]] const report::MachineDescription& machine() const { return journal_.machine; }

  private:
    using Clock = std::chrono::steady_clock;

    /// The state of a worker that the journal does not contain.
    struct State {
        bool is_started = false;  ///< true even after it ended
        Clock::time_point started{}, ready{}, ended{};
        std::optional<sweep::Progress> progress;
        std::size_t stopped = 0;           ///< the worker needs no stop for sweeps below this index
        std::optional<Ending> unfinished;  ///< the sweep in which the worker was interrupted
    };

    void start_first();
    void start(std::size_t worker);
    void start_needed(std::size_t index, std::uint64_t boundaries);
    [[nodiscard]] sweep::Shard shard_of(std::size_t worker) const;
    [[nodiscard]] Job job_of(std::size_t worker) const;

    [[nodiscard]] bool has_ended(std::size_t index) const;
    bool wait_for_more(std::size_t index);
    void take(std::size_t worker, const Message& message);
    void take(std::size_t worker, const ErrorLine& line);
    void take(std::size_t worker, const Exit& exit);
    void take_message(std::size_t worker, const report::MachineDescription& machine);
    void take_message(std::size_t worker, const sweep::Progress& progress);
    void take_message(std::size_t worker, const Counted& counted);
    void take_message(std::size_t worker, const Found& found);
    void take_message(std::size_t worker, const Saved& saved);
    void take_message(std::size_t worker, const Ending& ending);

    void take_findings_of_journal();
    void stop_needless(std::size_t index);
    void show_progress(std::size_t index);

    [[nodiscard]] const Ending* ending_of(std::size_t worker, std::size_t index) const;
    [[nodiscard]] std::optional<Outcome> outcome_of(std::size_t index) const;
    void add_overhead(std::size_t index, sweep::TimeSpent& spent) const;

    Assignment assignment_;
    Journal journal_;
    JournalFile file_;
    Watcher& watcher_;
    Pool pool_;
    report::MachineDescription expected_machine_;  ///< empty name: any machine is accepted
    bool some_wait_ = false;                       ///< true if some workers wait before they start
    std::vector<State> states_;
    std::vector<KnownFindings> known_;  ///< for each sweep
    std::size_t next_ = 0;
};

}  // namespace gatecrash::worker
