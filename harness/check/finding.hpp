#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check/rule.hpp"

namespace gatecrash::check {

/// A place in the code that breaks a rule.
struct Finding {
    Rule rule{};
    std::uint64_t address = 0;
    std::string message;  ///< what happens there, for people
    /// The way there: the place where the code is entered, then each branch that is taken and its target.
    std::vector<std::uint64_t> path;
};

/// A rule that could not be checked on this file.
struct Unchecked {
    Rule rule{};
    std::string reason;
};

}  // namespace gatecrash::check
