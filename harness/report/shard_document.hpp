// Reads the JSON document of a shard, which json_report() has written.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "report/machine_description.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::report {

/// Thrown for a text that is not a document of a shard. `what()` is one line.
class ShardDocumentError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The result of one shard of a sweep.
struct ShardResult {
    std::string case_name, variant;
    std::string guest;  ///< a digest of its ELF file
    sweep::SweepResult sweep;
    double seconds = 0;
    sweep::TimeSpent spent{};
    std::vector<std::string> replay_options{};  ///< options that `replay` needs for its schedules
    std::optional<std::string> error;           ///< why it could not be swept, if so
    std::optional<std::string> skipped{};       ///< why nothing of it was swept, if so
};

struct ShardDocument {
    std::string version;
    MachineDescription machine;
    std::vector<std::string> command;  ///< the arguments that decide what is swept
    sweep::Shard shard;
    std::size_t sweeps = 0;            ///< the number of results, unless the work was interrupted
    std::vector<ShardResult> results;  ///< at least one; all are of `shard`
};

/// Reads the document of a shard. Throws ShardDocumentError.
[[nodiscard]] ShardDocument read_shard_document(const std::string& text);

}  // namespace gatecrash::report
