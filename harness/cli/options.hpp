// The options that commands share, as values. Each command's file has a struct of its own, made of these.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cli/machine_name.hpp"
#include "sweep/sweep.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::cli {

using Words = std::vector<std::string>;

/// Thrown for a wrong command line, or a wrong file that it names: exit code 2. `what()` is one line. `command` is the
/// one whose help the message names; empty for the general help.
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
    std::optional<unsigned> jobs;            ///< empty: default_jobs()
    std::optional<vm::StepperKind> stepper;  ///< empty: the stepper that suits the machine
    std::optional<std::string> json;         ///< the path of a document
    bool quiet = false;
    Words words;  ///< the command line itself, used to run the command again inside an emulated machine
};

/// More formats for the results of sweeps, for every command that has results.
struct ReportOptions {
    bool ktap = false;
    std::optional<std::string> junit{};  ///< the path of a document
    std::optional<std::string> html{};   ///< the path of a page
};

/// How far sweeps go, for `run` and `explore`.
struct LimitOptions {
    sweep::Shard shard;
    std::optional<std::uint64_t> budget;  ///< maximum number of schedules for each sweep
    std::optional<std::uint64_t> max_findings;
    bool stats = false;
    std::optional<std::string> resume;  ///< the path of a journal
};

/// All options that `run` and `explore` share.
struct SweepingOptions {
    CommonOptions common;
    ReportOptions reports;
    LimitOptions limits;
};

/// The name of a file that stands for standard output.
inline constexpr std::string_view standard_output = "-";

/// An option that names a file, and its path.
struct Destination {
    std::string option;
    std::string path;
};

/// Returns the files that a command with these options writes.
[[nodiscard]] std::vector<Destination> destinations_of(const CommonOptions& common, const ReportOptions& reports = {});

/// True if a report takes standard output. Then text for people goes elsewhere.
[[nodiscard]] bool takes_standard_output(const std::vector<Destination>& destinations);

}  // namespace gatecrash::cli
