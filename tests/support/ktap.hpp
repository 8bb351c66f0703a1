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
    std::string data;                      ///< what stands behind the directive
    std::vector<std::string> diagnostics;  ///< directly in front of the result, without "# "
    std::vector<Test> subtests;
};

/// What is no KTAP, or is not as strict as it could be: no plan, a plan that is not kept, an unknown line or directive,
/// a parent that does not follow from its subtests. `what()` names the line.
class Error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The tests of the top level. Throws Error.
[[nodiscard]] std::vector<Test> parse(const std::string& document);

}  // namespace gatecrash::ktap
