// Writes results as JUnit XML, in the form that Jenkins describes (junit-10.xsd of its xUnit plugin). Other continuous
// integration systems read it as well.
#pragma once

#include <span>
#include <string>

#include "report/machine_description.hpp"
#include "suite/result.hpp"

namespace gatecrash::report {

/// Returns a testsuite for each case, with a testcase for each variant and times in seconds. `results` is grouped by
/// case. A result that is not as expected is a failure, whose type is the broken invariant. U+FFFD replaces each
/// character that XML 1.0 cannot contain, and each byte that is no UTF-8. The text ends with a newline.
[[nodiscard]] std::string junit_report(const std::string& version, const MachineDescription& machine,
                                       std::span<const suite::Result> results);

}  // namespace gatecrash::report
