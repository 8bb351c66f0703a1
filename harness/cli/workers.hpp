// The work of `run` and `explore`, shared among child processes.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>

#include "cli/options.hpp"
#include "cli/select.hpp"
#include "report/machine_description.hpp"
#include "suite/result.hpp"

namespace gatecrash::cli {

/// A worker ended before its work was done. `what()` is one line.
class WorkerError : public std::runtime_error {
  public:
    WorkerError(const std::string& what, int code, std::string told)
        : std::runtime_error(what), code_(code), told_(std::move(told)) {}
    [[nodiscard]] int code() const { return code_; }
    /// What the user has not seen yet of what there is to say, in lines.
    [[nodiscard]] const std::string& told() const { return told_; }

  private:
    int code_;
    std::string told_;
};

/// Workers: this program again, each with a machine of its own, and each with a shard of every sweep. They end with
/// this process, however that ends. SIGINT and SIGTERM, which InterruptGuard notes, are passed on to them.
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
    /// vm::ImageError for what is the guest's fault if it is the only one; WorkerError; and
    /// report::OutputWriteError for the file `resume`.
    [[nodiscard]] std::optional<suite::Result> next();

    /// Where they ran. Known once there is a result.
    [[nodiscard]] const report::MachineDescription& machine() const;

  private:
    class Work;
    std::unique_ptr<Work> work_;
};

}  // namespace gatecrash::cli
