#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check/path.hpp"
#include "check/rule.hpp"

namespace gatecrash::check {

/// A place in the code that breaks a rule.
struct Finding {
    Rule rule{};
    std::uint64_t address = 0;
    std::string message;  ///< what happens there, for people
    Path path;            ///< the way there
};

/// A part of the check that this file gives no answer to.
struct Unchecked {
    std::string what;  ///< the name of a rule, or "the entry state of SYMBOL"
    std::string reason;
};

}  // namespace gatecrash::check
