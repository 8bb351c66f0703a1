// The work of `run` and `explore`, shared among child processes.
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

/// Workers: this program again, each with a machine of its own, and each with a shard of every sweep.
class Workers {
  public:
    /// Works on `sweeping`, which outlives this, with `jobs` workers (default: default_jobs_here(); one if there is a
    /// `budget`, which is spent in the order of the sweep), which go on from the file `resume` if that is there, and
    /// keep it up to date. Starts them. Throws UsageError for a file that is of another command, guest or machine, and
    /// what choose_machine() throws.
    explicit Workers(const Sweeping& sweeping);
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;
    ~Workers();

    /// The next task's result, waited for. Empty if the work was interrupted before it began. Throws vm::ImageError for
    /// what is the guest's fault if nothing is judged; worker::WorkerError; and report::OutputWriteError for the file
    /// `resume`.
    [[nodiscard]] std::optional<suite::Result> next();

    /// Where they ran. Known once there is a result.
    [[nodiscard]] const report::MachineDescription& machine() const;

  private:
    const Sweeping& sweeping_;
    std::vector<std::string> guests_;  ///< digests
    std::unique_ptr<LiveOutput> live_;
    std::unique_ptr<worker::SharedWork> work_;
    std::size_t next_ = 0;
};

}  // namespace gatecrash::cli
