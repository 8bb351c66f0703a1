// Results as JUnit XML, in the form that Jenkins describes (junit-10.xsd of its xUnit plugin) and that other continuous
// integration systems read as well.
#pragma once

#include <span>
#include <string>

#include "report/machine_description.hpp"
#include "suite/result.hpp"

namespace gatecrash::report {

/// A testsuite of each case with a testcase of each variant, times in seconds. `results` is grouped by case. What is
/// not as expected is a failure, whose type is the broken invariant. A character that XML 1.0 cannot hold, or a byte
/// that is no UTF-8, is U+FFFD. Ends with a newline.
[[nodiscard]] std::string junit_report(const std::string& version, const MachineDescription& machine,
                                       std::span<const suite::Result> results);

}  // namespace gatecrash::report
