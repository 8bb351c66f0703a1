// Writes and reads the outcomes of a sweep as JSON: `map` in docs/reference/json.md.
#pragma once

#include "report/sweep_json.hpp"
#include "sweep/outcome_map.hpp"

namespace gatecrash::report {

/// Returns the outcomes in a compact form, whose rows are texts. A sweep can have thousands of rows.
[[nodiscard]] Json to_json(const sweep::OutcomeMap& map);
/// Reads what to_json() returns. Throws JsonError, or what nlohmann::json throws.
[[nodiscard]] sweep::OutcomeMap to_map(const Json& object);

/// Returns places in a compact form: neighbours of one symbol are a list [SYMBOL, ADDRESS, OFFSETS].
[[nodiscard]] Json places_json(std::span<const sweep::MapPlace> places);
/// Reads what places_json() returns. Throws JsonError for more than `most` places, and as to_map() does.
[[nodiscard]] std::vector<sweep::MapPlace> to_places(const Json& list,
                                                     std::size_t most = sweep::OutcomeMap::most_boundaries);

}  // namespace gatecrash::report
