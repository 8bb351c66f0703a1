// The messages that a worker sends.
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

/// Thrown for a text that is not the expected one. `what()` is one line.
class ProtocolError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The state of an unfinished sweep.
struct Saved {
    sweep::Checkpoint checkpoint;
    double seconds = 0;  ///< time spent on the sweep so far

    bool operator==(const Saved&) const = default;
};

/// The number of boundaries of a sweep, sent before any event lands.
struct Counted {
    std::uint64_t boundaries = 0;
};

/// A finding, sent while its sweep runs.
struct Found {
    sweep::Finding finding;
};

/// The result of a sweep.
struct Swept {
    sweep::SweepResult sweep;
    double seconds = 0;
    sweep::TimeSpent spent{};  ///< time since the sweep began or resumed
};

/// A sweep that failed.
struct Failed {
    std::string message;
    bool is_input = false;  ///< the guest, or the user's options, are to blame
};

/// A sweep that was skipped, because the machine does not suit it.
struct Skipped {
    std::string reason;
};

using Ending = std::variant<Swept, Failed, Skipped>;

/// One line on a worker's standard output. The first message is the machine. Then each sweep, in order, has its
/// progress, its findings and its end.
using Message = std::variant<report::MachineDescription, sweep::Progress, Counted, Found, Saved, Ending>;

/// Returns one line, without a newline.
[[nodiscard]] std::string to_line(const Message& message);
/// Reads what to_line() returns. Throws ProtocolError.
[[nodiscard]] Message read_message(std::string_view line);

// Used by jobs and journals, which contain the same objects.

[[nodiscard]] Json to_json(const Saved& saved);
[[nodiscard]] Json to_json(const Ending& ending);
/// Throws what the functions of report/sweep_json.hpp throw.
[[nodiscard]] Saved to_saved(const Json& object);
[[nodiscard]] Ending to_ending(const Json& object);

/// Returns the text of `json` in one line.
[[nodiscard]] std::string dump(const Json& json);

/// Parses `content` and converts it with `read`. `what` names the expected content in messages. Throws ProtocolError.
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
