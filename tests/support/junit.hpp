// Checks JUnit documents.
#pragma once

#include <stdexcept>
#include <string>

namespace gatecrash::junit {

/// Returns the errors of `document` that xmllint finds with tests/report/junit.xsd; empty if it is valid. Throws
/// std::runtime_error if xmllint is missing.
[[nodiscard]] std::string errors_of(const std::string& document);

}  // namespace gatecrash::junit
