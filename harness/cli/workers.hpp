// The work of `run` and `explore`, shared among child processes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "cli/select.hpp"
#include "report/machine_description.hpp"
#include "suite/result.hpp"

namespace gatecrash::worker {
class SharedWork;
struct Failed;
}  // namespace gatecrash::worker

namespace gatecrash::cli {

class LiveOutput;

/// Workers: this program again, each with a machine of its own, and each with a shard of every sweep.
class Workers {
  public:
    /// Of `options`, which are those of `run` or `explore`: `jobs` workers (default: default_jobs(); one if there
    /// is a `budget`, which is spent in the order of the sweep), which go on from the file `resume` if that is there,
    /// and keep it up to date. Starts them. Throws UsageError for a file that is of another command, guest or machine,
    /// and what choose_machine() throws.
    Workers(const Options& options, std::vector<Selection> selections);
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;
    ~Workers();

    /// The next selection's result, waited for. Empty if the work was interrupted before it began. Throws
    /// vm::ImageError for what is the guest's fault if it is the only one; worker::WorkerError; and
    /// report::OutputWriteError for the file `resume`.
    [[nodiscard]] std::optional<suite::Result> next();

    /// Where they ran. Known once there is a result.
    [[nodiscard]] const report::MachineDescription& machine() const;

  private:
    [[nodiscard]] suite::Result failure(const suite::About& about, const std::string& name,
                                        const worker::Failed& failed) const;

    Options options_;
    std::vector<Selection> selections_;
    std::vector<std::string> guests_;  ///< digests
    std::unique_ptr<LiveOutput> live_;
    std::unique_ptr<worker::SharedWork> work_;
    std::size_t next_ = 0;
};

}  // namespace gatecrash::cli
