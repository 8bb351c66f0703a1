// The options that commands share, as values. Each command has a struct of its own, made of these, in its file.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cli/machine_name.hpp"
#include "sweep/sweep.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::cli {

using Words = std::vector<std::string>;

/// A command line, or a file it names, that is no good: exit code 2. `what()` is one line; `command` the one whose help
/// says more, empty for the general one.
class UsageError : public std::runtime_error {
  public:
    explicit UsageError(const std::string& what, std::string command = {})
        : std::runtime_error(what), command_(std::move(command)) {}
    [[nodiscard]] const std::string& command() const { return command_; }

  private:
    std::string command_;
};

[[nodiscard]] std::string name_of(MachineName machine);

/// Options of every command.
struct CommonOptions {
    MachineName machine = MachineName::automatic;
    std::optional<unsigned> jobs;            ///< not given: default_jobs()
    std::optional<vm::StepperKind> stepper;  ///< not given: what suits the machine
    std::optional<std::string> json;         ///< the path of a document
    bool quiet = false;
    Words words;  ///< the command line itself, for running the command again inside an emulated machine
};

/// The results of sweeps in further formats: of `run`, `explore` and `merge`.
struct ReportOptions {
    bool ktap = false;
    std::optional<std::string> junit;  ///< the path of a document
};

/// How far sweeps go: of `run` and `explore`.
struct LimitOptions {
    sweep::Shard shard;
    std::optional<std::uint64_t> budget;  ///< schedules a sweep
    std::optional<std::uint64_t> max_findings;
    bool stats = false;
    std::optional<std::string> resume;  ///< the path of a journal
};

/// All that `run` and `explore` have in common.
struct SweepingOptions {
    CommonOptions common;
    ReportOptions reports;
    LimitOptions limits;
};

/// An option that asks for a file, and its path; "-" is standard output.
struct Destination {
    std::string option;
    std::string path;
};

/// Returns where a command writes to that has these options.
[[nodiscard]] std::vector<Destination> destinations_of(const CommonOptions& common, const ReportOptions& reports = {});

/// Whether a report takes standard output, where else text for people goes.
[[nodiscard]] bool takes_standard_output(const std::vector<Destination>& destinations);

}  // namespace gatecrash::cli
