// Writes results in the Kernel Test Anything Protocol, version 1: see the Linux kernel's
// Documentation/dev-tools/ktap.rst.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "suite/result.hpp"

namespace gatecrash::report {

/// Writes one test for each case, with its variants nested in it. A guest file without variants is a test without
/// nested ones. A skip is `ok` with the SKIP directive and its reason. An error is `not ok` with ERROR and its message.
/// Before each `not ok` come the finding and the command that replays it.
///
/// The document grows with the results, so that a reader sees each one at once: every method returns the text that
/// comes next.
class KtapReport {
  public:
    struct Test {
        std::string case_name, variant;  ///< see suite::Result
    };

    /// `plan` lists what will be tested, in order and grouped by case.
    explicit KtapReport(std::vector<Test> plan) : plan_(std::move(plan)) {}

    /// Returns the version and the plan.
    [[nodiscard]] std::string begin() const;
    /// Returns the lines for the next test of the plan, which has this result.
    [[nodiscard]] std::string add(const suite::Result& result);
    /// Returns the lines for the remaining tests, skipped for `reason`. So the document is complete even if the work
    /// was not.
    [[nodiscard]] std::string end(const std::string& reason);

  private:
    /// Counts the subtests of the current case.
    struct Tally {
        std::size_t tests = 0, failed = 0, skipped = 0;
    };
    [[nodiscard]] std::size_t count_cases(std::size_t before) const;
    [[nodiscard]] bool is_last_of_case() const;

    std::vector<Test> plan_;
    std::size_t at_ = 0;  ///< index of the next test in the plan
    Tally tally_;
};

}  // namespace gatecrash::report
