// Sweeps and machines as JSON, for every document and line that has them in it.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "report/machine_description.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::report {

using Json = nlohmann::ordered_json;

/// JSON that is not what it should be. `what()` is one line.
class JsonError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

[[nodiscard]] Json to_json(const MachineDescription& machine);
/// An object with the seconds of each phase.
[[nodiscard]] Json to_json(const sweep::TimeSpent& spent);
/// What people read of a finding.
[[nodiscard]] Json to_json(const sweep::Finding& finding);
/// All fields, as to_finding() reads them.
[[nodiscard]] Json to_full_json(const sweep::Finding& finding);
/// Null if there is none.
[[nodiscard]] Json to_json(const std::optional<sweep::Coverage>& coverage);
/// The number of findings after which the sweep stopped, or null.
[[nodiscard]] Json stop_json(const sweep::SweepResult& sweep);
/// Adds to `json` the deepest stacks and the deepest nesting.
void add_extremes(Json& json, const sweep::Extremes& extremes);
/// Adds to `json` all that makes the sweep again: its shard, and what each length of schedules gave.
void add_parts(Json& json, const sweep::SweepResult& sweep);
[[nodiscard]] Json to_json(const sweep::SweepResult& sweep);
[[nodiscard]] Json to_json(const sweep::Checkpoint& checkpoint);

// These throw JsonError, or what nlohmann::json and sweep::parse_schedule() throw.

/// A value of the type that is wanted: nlohmann would make a count of a fraction or a negative number.
[[nodiscard]] std::uint64_t number(const Json& object, const char* name);
[[nodiscard]] std::string text(const Json& object, const char* name);
[[nodiscard]] sweep::TimeSpent to_time_spent(const Json& object);
[[nodiscard]] MachineDescription to_machine(const Json& object);
[[nodiscard]] sweep::Finding to_finding(const Json& object);
[[nodiscard]] sweep::SweepResult to_sweep(const Json& object);
[[nodiscard]] sweep::Checkpoint to_checkpoint(const Json& object);

}  // namespace gatecrash::report
