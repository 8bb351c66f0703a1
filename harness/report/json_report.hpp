// Makes the JSON documents (docs/reference/json.md). Equal results give byte-identical documents, apart from the values
// of "seconds".
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "report/machine_description.hpp"
#include "report/machine_matrix.hpp"
#include "suite/case.hpp"
#include "suite/result.hpp"

namespace gatecrash::report {

/// A shard that a merge lacks.
struct MissingShard {
    sweep::Shard shard;
    std::string reason;   ///< why it is missing
    std::string command;  ///< a command line for a shell, which makes its document
};

/// The work that a shard is a part of (see shard_document.hpp), or that a merge combines.
struct ShardedWork {
    std::vector<std::string> command{};   ///< the words that decide what is swept; empty: this is no shard
    std::size_t sweeps = 0;               ///< the number of results, unless the work is interrupted
    std::vector<MissingShard> missing{};  ///< if any, the document says that it is partial
};

/// Returns the document of `run`, `explore`, `linux`, `replay` and, without results, of `doctor`. It ends with a
/// newline.
[[nodiscard]] std::string json_report(const std::string& version, const MachineDescription& machine,
                                      std::span<const suite::Result> results, const ShardedWork& work = {});
/// Returns the document of `run` on several machines, at least one of which was used. It is the document of the first
/// machine that was used, with `machines` added, which has all of them.
[[nodiscard]] std::string json_report(const std::string& version, std::span<const MachineResults> machines);

}  // namespace gatecrash::report
