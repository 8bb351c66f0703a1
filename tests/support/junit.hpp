// Checks JUnit documents.
#pragma once

#include <stdexcept>
#include <string>

namespace gatecrash::junit {

/// What xmllint finds wrong with `document` by tests/report/junit.xsd; empty if nothing. Throws std::runtime_error if
/// there is no xmllint.
[[nodiscard]] std::string errors_of(const std::string& document);

}  // namespace gatecrash::junit
