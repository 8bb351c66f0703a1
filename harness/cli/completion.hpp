// Completes command lines for shells. The shells' files ask `gatecrash complete`, so completion always knows the same
// commands and options as the program.
#pragma once

#include <string>
#include <vector>

#include "cli/options.hpp"

namespace gatecrash::cli {

/// A word that can stand at the end of a command line.
struct Candidate {
    std::string word;
    std::string description{};
    bool operator==(const Candidate&) const = default;
};

struct Completion {
    std::vector<Candidate> candidates;
    bool files = false;    ///< the name of a file can stand there too
    bool folders = false;  ///< the name of a folder can stand there too
};

/// Returns what can replace the last of `words`, which begin after the program's name. The last word may be empty.
/// All candidates begin with it.
[[nodiscard]] Completion complete(const Words& words);

}  // namespace gatecrash::cli
