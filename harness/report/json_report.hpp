// The JSON documents of the contract. Equal results make byte-identical documents, apart from the values of "seconds".
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/machine_description.hpp"
#include "report/machine_matrix.hpp"
#include "suite/case.hpp"
#include "suite/result.hpp"

namespace gatecrash::report {

/// The document of `run`, `explore`, `replay` and, with no results, of `doctor`. Ends with a newline. Of a shard,
/// `command` are the words that decide what is swept; see shard_document.hpp.
[[nodiscard]] std::string json_report(const std::string& version, const MachineDescription& machine,
                                      std::span<const suite::Result> results,
                                      const std::vector<std::string>& command = {});
/// The document of `run` on several machines, of which one at least was used: that of the first that was, and
/// `machines`, which has them all.
[[nodiscard]] std::string json_report(const std::string& version, std::span<const MachineResults> machines);

}  // namespace gatecrash::report
