// Findings that a user has looked at and accepts.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "check/rule.hpp"

namespace gatecrash::check {

/// Thrown for a file of suppressions that cannot be used. `what()` names the line.
class SuppressionError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// One line of the file: "RULE SYMBOL REASON".
struct Suppression {
    Rule rule{};
    std::string symbol;  ///< "SYMBOL" for all of its findings, or "SYMBOL+0xOFFSET" for one
    std::string reason;
    unsigned line = 0;
};

/// Reads lines of a rule, a symbol and a reason. Empty lines, and lines that begin with '#', are ignored. `name` is for
/// messages. Throws SuppressionError.
[[nodiscard]] std::vector<Suppression> read_suppressions(std::string_view text, const std::string& name);

/// True if the suppression is about a finding of `rule` at `place`, which is "SYMBOL" or "SYMBOL+0xOFFSET".
[[nodiscard]] bool is_about(const Suppression& suppression, Rule rule, std::string_view place);

}  // namespace gatecrash::check
