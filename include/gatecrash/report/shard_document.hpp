// Reads the JSON document of a shard, which json_report() wrote.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "gatecrash/explore/judge.hpp"
#include "gatecrash/report/machine_description.hpp"

namespace gatecrash::report {

/// A text that is no document of a shard. `what()` is one line.
class ShardDocumentError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct ShardDocument {
    std::string version;
    MachineDescription machine;
    std::vector<std::string> command;  ///< the words that decide what is swept
    explore::Shard shard;
    std::vector<explore::Result> results;  ///< at least one, each of `shard`
};

/// Throws ShardDocumentError.
[[nodiscard]] ShardDocument read_shard_document(const std::string& text);

}  // namespace gatecrash::report
