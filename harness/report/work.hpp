// What a sweep's workers are told and tell, and the file from which interrupted work goes on.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "report/machine_description.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::report {

/// A text that is not what it should be. `what()` is one line.
class WorkError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A sweep on the way.
struct Saved {
    sweep::Checkpoint checkpoint;
    double seconds = 0;  ///< spent on it until there
};

/// The number of boundaries of a sweep, before any event lands.
struct Counted {
    std::uint64_t boundaries = 0;
};

/// A finding, reported while its sweep runs.
struct Found {
    sweep::Finding finding;
};

/// A sweep that ended.
struct Swept {
    sweep::SweepResult sweep;
    double seconds = 0;
    sweep::TimeSpent spent{};  ///< since the sweep was begun or resumed
};

/// A sweep that could not be done.
struct Failed {
    std::string message;
    bool is_input = false;  ///< the guest is to blame, or what was asked of it
};

/// A sweep that the machine is not fit for.
struct Skipped {
    std::string reason;
};

using Ending = std::variant<Swept, Failed, Skipped>;

/// What a worker is to do: one line on its standard input.
struct Job {
    std::vector<std::string> command;  ///< a command line of `run` or `explore`
    std::size_t first = 0;             ///< of what that sweeps, in its order; those before are done
    std::optional<Saved> from;         ///< where to go on with the first
    bool saves = false;                ///< it is to tell where it is, again and again
    bool counts = false;               ///< it reports the number of boundaries of each sweep
};

/// What a worker tells, in lines on its standard output: first its machine, and then of each sweep in order how far it
/// is, what it finds, and how it ended.
using Message = std::variant<MachineDescription, sweep::Progress, Counted, Found, Saved, Ending>;

/// Without a newline.
[[nodiscard]] std::string to_line(const Job& job);
[[nodiscard]] std::string to_line(const Message& message);
/// Throw WorkError.
[[nodiscard]] Job read_job(std::string_view line);
[[nodiscard]] Message read_message(std::string_view line);

/// The content of a --resume file.
struct Journal {
    struct Worker {
        std::vector<Ending> done;
        std::optional<Saved> at;  ///< of the sweep behind those
    };

    std::string version;
    std::vector<std::string> command;  ///< the words that decide what is swept
    std::string guests;                ///< a digest of them
    MachineDescription machine;
    std::vector<Worker> workers;  ///< each has every so-manieth part of each sweep
};

[[nodiscard]] std::string to_text(const Journal& journal);
/// Throws WorkError.
[[nodiscard]] Journal read_journal(std::string_view text);

}  // namespace gatecrash::report
