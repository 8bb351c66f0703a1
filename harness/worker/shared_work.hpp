// Sweeps that workers share.
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

/// A sweep whose every shard ended, or was interrupted.
struct SweptShards {
    std::vector<sweep::SweepResult> shards;
    double seconds = 0;        ///< of the shard that took longest
    sweep::TimeSpent spent{};  ///< of all workers together
};

/// The outcome of one sweep.
using Outcome = std::variant<SweptShards, Failed, Skipped>;

/// Watches the work go on.
class Watcher {
  public:
    Watcher() = default;
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    virtual ~Watcher() = default;

    /// The sweep with this index is waited for, and later it is not any more.
    virtual void begin(std::size_t sweep) = 0;
    virtual void end() = 0;
    /// All workers together are so far with the sweep that is waited for.
    virtual void progress(const sweep::Progress& progress) = 0;
    /// A worker found something of which nothing alike and nothing shorter is known.
    virtual void found(std::size_t sweep, const sweep::Finding& finding, const report::MachineDescription& machine) = 0;
    /// Handles a worker's line on standard error. Lines of other workers would only repeat it.
    virtual void says(const std::string& line) = 0;
};

/// The work that the workers share.
struct Assignment {
    std::vector<Sweep> sweeps;
    sweep::Shard shard;                ///< of each sweep, for the workers to divide further
    std::vector<std::string> command;  ///< the arguments that make this program a worker
};

/// Shares `assignment.sweeps` among workers, each of which sweeps a shard of every one.
class SharedWork {
  public:
    /// Starts as many workers as `journal` has. They go on from there, and `file` has how far they are. `watcher`
    /// outlives this.
    SharedWork(Assignment assignment, Journal journal, JournalFile file, Watcher& watcher);

    /// The next sweep's outcome, waited for. Empty if the work was interrupted before it began. Throws WorkerError;
    /// JournalError if a worker's machine is not the journal's; and report::OutputWriteError for the journal's file.
    [[nodiscard]] std::optional<Outcome> next();

    /// Where they run. Known once there is an outcome.
    [[nodiscard]] const report::MachineDescription& machine() const { return journal_.machine; }

  private:
    using Clock = std::chrono::steady_clock;

    /// A worker, beside what its part of the journal has.
    struct State {
        bool is_started = false;  ///< true even after it ended
        Clock::time_point started{}, ready{}, ended{};
        std::optional<sweep::Progress> progress;
        std::size_t stopped = 0;           ///< sweeps below this one need not be stopped
        std::optional<Ending> unfinished;  ///< the sweep in which it was interrupted
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
    report::MachineDescription expected_machine_;  ///< its name is empty if any will do
    bool some_wait_ = false;                       ///< not all workers start at once
    std::vector<State> states_;
    std::vector<KnownFindings> known_;  ///< by sweep
    std::size_t next_ = 0;
};

}  // namespace gatecrash::worker
