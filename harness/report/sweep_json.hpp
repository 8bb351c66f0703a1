// Sweeps and machines as JSON, for every document and line that has them in it.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "gatecrash/explore/sweep.hpp"
#include "gatecrash/report/machine_description.hpp"

namespace gatecrash::report {

using Json = nlohmann::ordered_json;

/// JSON that is not what it should be. `what()` is one line.
class JsonError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

[[nodiscard]] Json to_json(const MachineDescription& machine);
/// An object with the seconds of each phase.
[[nodiscard]] Json to_json(const explore::TimeSpent& spent);
/// What people read of a finding.
[[nodiscard]] Json to_json(const explore::Finding& finding);
/// All fields, as to_finding() reads them.
[[nodiscard]] Json to_full_json(const explore::Finding& finding);
/// Null if there is none.
[[nodiscard]] Json to_json(const std::optional<explore::Coverage>& coverage);
/// The number of findings after which the sweep stopped, or null.
[[nodiscard]] Json stop_json(const explore::SweepResult& sweep);
/// Adds to `json` the deepest stacks and the deepest nesting.
void add_extremes(Json& json, const explore::Extremes& extremes);
/// Adds to `json` all that makes the sweep again: its shard, and what each length of schedules gave.
void add_parts(Json& json, const explore::SweepResult& sweep);
[[nodiscard]] Json to_json(const explore::SweepResult& sweep);
[[nodiscard]] Json to_json(const explore::Checkpoint& checkpoint);

// These throw JsonError, or what nlohmann::json and explore::parse_schedule() throw.

/// A value of the type that is wanted: nlohmann would make a count of a fraction or a negative number.
[[nodiscard]] std::uint64_t number(const Json& object, const char* name);
[[nodiscard]] std::string text(const Json& object, const char* name);
[[nodiscard]] explore::TimeSpent to_time_spent(const Json& object);
[[nodiscard]] MachineDescription to_machine(const Json& object);
[[nodiscard]] explore::Finding to_finding(const Json& object);
[[nodiscard]] explore::SweepResult to_sweep(const Json& object);
[[nodiscard]] explore::Checkpoint to_checkpoint(const Json& object);

}  // namespace gatecrash::report
