// Makes the JSON documents (docs/reference/json.md). Equal results give byte-identical documents, apart from the values
// of "seconds".
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/machine_description.hpp"
#include "report/machine_matrix.hpp"
#include "suite/case.hpp"
#include "suite/result.hpp"

namespace gatecrash::report {

/// Returns the document of `run`, `explore`, `replay` and, without results, of `doctor`. It ends with a newline. For a
/// shard, `command` holds the words that decide what is swept; see shard_document.hpp.
[[nodiscard]] std::string json_report(const std::string& version, const MachineDescription& machine,
                                      std::span<const suite::Result> results,
                                      const std::vector<std::string>& command = {});
/// Returns the document of `run` on several machines, at least one of which was used. It is the document of the first
/// machine that was used, with `machines` added, which has all of them.
[[nodiscard]] std::string json_report(const std::string& version, std::span<const MachineResults> machines);

}  // namespace gatecrash::report
