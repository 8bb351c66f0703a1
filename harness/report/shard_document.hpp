// Reads the JSON document of a shard, which json_report() wrote.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "report/machine_description.hpp"
#include "sweep/sweep.hpp"

namespace gatecrash::report {

/// A text that is no document of a shard. `what()` is one line.
class ShardDocumentError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// What one shard of a sweep gave.
struct ShardResult {
    std::string case_name, variant;
    std::string guest;  ///< a digest of its ELF file
    sweep::SweepResult sweep;
    double seconds = 0;
    sweep::TimeSpent spent{};
    std::optional<std::string> error;  ///< set if it could not be swept: why
};

struct ShardDocument {
    std::string version;
    MachineDescription machine;
    std::vector<std::string> command;  ///< the words that decide what is swept
    sweep::Shard shard;
    std::vector<ShardResult> results;  ///< at least one, each of `shard`
};

/// Throws ShardDocumentError.
[[nodiscard]] ShardDocument read_shard_document(const std::string& text);

}  // namespace gatecrash::report
