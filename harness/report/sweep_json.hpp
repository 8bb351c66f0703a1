// Writes and reads sweeps and machines as JSON, for every document and line that contains them.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "report/machine_description.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::report {

using Json = nlohmann::ordered_json;

/// Thrown for JSON with unexpected content. `what()` is one line.
class JsonError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

[[nodiscard]] Json to_json(const MachineDescription& machine);
/// Returns an object with the seconds of each phase.
[[nodiscard]] Json to_json(const sweep::TimeSpent& spent);
/// Returns a list of runs of bytes, each as [ADDRESS, BYTES].
[[nodiscard]] Json to_json(const vm::CodeSet& code);
/// Returns the fields of a finding that people read.
[[nodiscard]] Json to_json(const sweep::Finding& finding);
/// Returns all fields of a finding, as to_finding() reads them.
[[nodiscard]] Json to_full_json(const sweep::Finding& finding);
/// Returns null if there is no coverage.
[[nodiscard]] Json to_json(const std::optional<sweep::Coverage>& coverage);
/// Returns the number of findings after which the sweep stopped, or null.
[[nodiscard]] Json stop_json(const sweep::SweepResult& sweep);
/// Adds to `json` the deepest stacks and the deepest nesting.
void add_extremes(Json& json, const sweep::Extremes& extremes);
/// Adds to `json` the outcomes by boundary and event, and the instructions of the protected code, if there are any.
void add_map(Json& json, const sweep::SweepResult& sweep);
/// Adds to `json` all that is needed to read the sweep again: its shard, and the result for each length of schedules.
void add_parts(Json& json, const sweep::SweepResult& sweep);
[[nodiscard]] Json to_json(const sweep::SweepResult& sweep);
[[nodiscard]] Json to_json(const sweep::Checkpoint& checkpoint);

// The functions below throw JsonError, or what nlohmann::json and sweep::parse_schedule() throw.

/// Reads a count. nlohmann would make a count of a fraction or a negative number.
[[nodiscard]] std::uint64_t number(const Json& object, const char* name);
[[nodiscard]] std::string text(const Json& object, const char* name);
[[nodiscard]] vm::CodeSet to_code_set(const Json& list);
[[nodiscard]] sweep::TimeSpent to_time_spent(const Json& object);
[[nodiscard]] MachineDescription to_machine(const Json& object);
[[nodiscard]] sweep::Finding to_finding(const Json& object);
[[nodiscard]] sweep::SweepResult to_sweep(const Json& object);
[[nodiscard]] sweep::Checkpoint to_checkpoint(const Json& object);

}  // namespace gatecrash::report
