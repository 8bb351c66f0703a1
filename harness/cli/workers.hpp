// Shares the work of `run` and `explore` among child processes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/sweeping.hpp"
#include "report/machine_description.hpp"
#include "suite/result.hpp"
#include "worker/shared_work.hpp"

namespace gatecrash::cli {

class LiveOutput;

/// Runs workers: this program again, each with a machine of its own, and each with a shard of every sweep.
class Workers {
  public:
    /// Starts the workers for `sweeping`, which outlives this. Their number is `jobs`; by default it is
    /// default_jobs_here(), or one with a `budget`, which is spent in the order of the sweep. If the file `resume`
    /// exists, they continue from it, and they keep it up to date. Throws UsageError for a file of another command,
    /// guest or machine, and what choose_machine() throws.
    explicit Workers(const Sweeping& sweeping);
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;
    ~Workers();

    /// Waits for the next task's result, and returns it. Empty if the work was interrupted before that task began.
    /// Throws worker::WorkerError; report::OutputWriteError for the file `resume`; and vm::ImageError for a fault of
    /// the guest, if nothing is judged.
    [[nodiscard]] std::optional<suite::Result> next();

    /// Returns the machine of the workers. It is known once there is a result.
    [[nodiscard]] const report::MachineDescription& machine() const;

  private:
    const Sweeping& sweeping_;
    std::vector<std::string> guests_;  ///< one digest for each task
    std::unique_ptr<LiveOutput> live_;
    std::unique_ptr<worker::SharedWork> work_;
    std::size_t next_ = 0;
};

}  // namespace gatecrash::cli
