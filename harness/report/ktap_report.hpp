// Results in the Kernel Test Anything Protocol, version 1: the Linux kernel's Documentation/dev-tools/ktap.rst.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "suite/result.hpp"

namespace gatecrash::report {

/// A test of each case, whose variants are nested in it; a guest without variants, an ELF file, is a test without
/// nested ones. A skip is `ok` with the SKIP directive and its reason, an error `not ok` with ERROR and its message; in
/// front of every `not ok` stand the finding and the command that replays it.
///
/// Grows with the results, for a reader that is to see each when it is there: every method returns what comes next.
class KtapReport {
  public:
    struct Test {
        std::string case_name, variant;  ///< as in suite::Result
    };

    /// `plan` is what will be tested, in order, grouped by case.
    explicit KtapReport(std::vector<Test> plan) : plan_(std::move(plan)) {}

    /// The version and the plan.
    [[nodiscard]] std::string begin() const;
    /// What became of the next test of the plan.
    [[nodiscard]] std::string add(const suite::Result& result);
    /// The tests of the plan that are left, skipped for `reason`: the document is whole even if the work was not.
    [[nodiscard]] std::string end(const std::string& reason);

  private:
    /// What the subtests of the current case amount to.
    struct Tally {
        std::size_t tests = 0, failed = 0, skipped = 0;
    };
    [[nodiscard]] std::size_t count_cases(std::size_t before) const;
    [[nodiscard]] bool is_last_of_case() const;

    std::vector<Test> plan_;
    std::size_t at_ = 0;  ///< the next of them
    Tally tally_;
};

}  // namespace gatecrash::report
