// What the user typed, as a value.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sweep/sweep.hpp"
#include "vm/landing/event.hpp"
#include "vm/stepping/stepper.hpp"

namespace gatecrash::cli {

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

enum class Command : std::uint8_t {
    doctor,
    list,
    run,
    explore,
    replay,
    merge,
    bench,
    new_project,
    worker,
    help,
    version
};
enum class MachineName : std::uint8_t { automatic, host, amd, intel, all };

/// Default of --max-findings for `explore`.
constexpr std::uint64_t usual_max_findings = 25;

/// What a figure of `bench` may be over its baseline, as a part.
constexpr double usual_threshold = 0.05;

struct Options {
    Command command = Command::help;

    // Everywhere.
    MachineName machine = MachineName::automatic;
    std::optional<unsigned> jobs;  ///< not given: default_jobs()
    std::string json;              ///< empty: none wanted
    bool quiet = false;
    std::optional<vm::StepperKind> stepper;  ///< not given: what suits the machine

    std::string help_topic;                        ///< help: a command's name, or empty
    std::vector<std::string> patterns;             ///< list, run, bench; of merge and worker files
    std::string junit;                             ///< run, explore; empty: none wanted
    bool ktap = false;                             ///< run, explore
    bool stats = false;                            ///< run, explore
    sweep::Shard shard;                            ///< run, explore
    std::uint64_t budget = 0;                      ///< run, explore: schedules a sweep; 0: all
    std::optional<std::uint64_t> max_findings;     ///< run, explore; not given: see findings_to_stop_after()
    std::string resume;                            ///< run, explore; empty: none
    std::string target;                            ///< explore
    std::optional<std::vector<vm::Event>> events;  ///< explore; not given: the variant's
    std::optional<unsigned> depth;                 ///< explore; not given: the variant's
    std::vector<sweep::SymbolRange> window;        ///< explore; empty: the variant's
    bool prune = true;                             ///< explore
    std::vector<std::string> schedules;            ///< replay
    bool trace = false;                            ///< replay
    bool covers = false;                           ///< list
    std::string folder;                            ///< new
    std::string baseline;                          ///< bench; empty: none
    std::optional<double> threshold;               ///< bench; not given: usual_threshold
    std::string plot;                              ///< bench; empty: none wanted

    bool operator==(const Options&) const = default;
};

/// Reads `arguments`, the program's name not among them. Throws UsageError.
[[nodiscard]] Options parse_options(const std::vector<std::string>& arguments);

/// A command line that parse_options() reads as `options`, for running it again somewhere else.
[[nodiscard]] std::vector<std::string> to_arguments(const Options& options);

/// Of run and explore, those words of to_arguments() that decide what is swept and how it is judged, whoever does it
/// and wherever it is reported.
[[nodiscard]] std::vector<std::string> deciding_arguments(Options options);

/// Returns the number of findings after which `run` or `explore` stops a sweep; 0 means never. There is no default for
/// `run`, which compares everything that breaks with what is expected, nor with `budget`, which is a limit already.
[[nodiscard]] std::uint64_t findings_to_stop_after(const Options& options);

/// The most workers that a run or explore can have.
[[nodiscard]] unsigned max_jobs(const Options& options);

/// Default limit of workers on this host's own KVM. More workers would share too few blocks (sweep::Shard).
constexpr unsigned most_default_jobs = 16;

/// Returns the default number of workers: one for each of `cpus`, but at least one. If each worker has an emulator,
/// `free_memory` is that of the host in bytes, and the workers take at most half of it. Otherwise there are at most
/// most_default_jobs.
[[nodiscard]] unsigned default_jobs(unsigned cpus, std::optional<std::uint64_t> free_memory);

/// Whether a report takes standard output, where else text for people goes.
[[nodiscard]] bool takes_standard_output(const Options& options);

[[nodiscard]] std::string name_of(Command command);
[[nodiscard]] std::string name_of(MachineName machine);

}  // namespace gatecrash::cli
