// A strict reader of KTAP version 1, written from the Linux kernel's Documentation/dev-tools/ktap.rst.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace gatecrash::ktap {

/// A test with its subtests.
struct Test {
    bool ok = false;
    std::string name;
    std::string directive;                 ///< "SKIP", "ERROR", ...; may be empty
    std::string data;                      ///< the text after the directive
    std::vector<std::string> diagnostics;  ///< the lines right before the result, without "# "
    std::vector<Test> subtests;
};

/// Thrown for text that is not strict KTAP. The plan is missing or does not match, a line or directive is unknown, or a
/// parent contradicts its subtests. `what()` names the line.
class Error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Returns the tests of the top level. Throws Error.
[[nodiscard]] std::vector<Test> parse(const std::string& document);

}  // namespace gatecrash::ktap
