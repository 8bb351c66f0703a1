// A worker's messages.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>

#include "report/machine_description.hpp"
#include "report/sweep_json.hpp"
#include "sweep/schedule.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::worker {

using report::Json;

/// A text that is not what it should be. `what()` is one line.
class ProtocolError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A sweep on the way.
struct Saved {
    sweep::Checkpoint checkpoint;
    double seconds = 0;  ///< spent on it until there

    bool operator==(const Saved&) const = default;
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

/// A worker's message, one line on its standard output: first its machine, and then of each sweep in order how far it
/// is, what it finds, and how it ended.
using Message = std::variant<report::MachineDescription, sweep::Progress, Counted, Found, Saved, Ending>;

/// Without a newline.
[[nodiscard]] std::string to_line(const Message& message);
/// Throws ProtocolError.
[[nodiscard]] Message read_message(std::string_view line);

// For what else has them in it: a job, and a journal.

[[nodiscard]] Json to_json(const Saved& saved);
[[nodiscard]] Json to_json(const Ending& ending);
/// Throw what the functions of report/sweep_json.hpp throw.
[[nodiscard]] Saved to_saved(const Json& object);
[[nodiscard]] Ending to_ending(const Json& object);

/// Returns the text of `json` in one line.
[[nodiscard]] std::string dump(const Json& json);

/// Parses `content` and has `read` make something of it. `what` says what it should be. Throws ProtocolError.
template <typename Read>
auto parsed(std::string_view content, const char* what, const Read& read) {
    const auto fail = [&](const char* why) { return ProtocolError(fmt::format("not {}: {}", what, why)); };
    try {
        return read(Json::parse(content));
    } catch (const Json::exception& error) {
        throw fail(error.what());
    } catch (const report::JsonError& error) {
        throw fail(error.what());
    } catch (const sweep::ScheduleError& error) {
        throw fail(error.what());
    }
}

}  // namespace gatecrash::worker
