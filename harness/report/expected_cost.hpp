// Says what the harness is expected to cost on a kind of host.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "bench/figure.hpp"
#include "report/host_facts.hpp"
#include "report/sweep_json.hpp"
#include "vm/vendor.hpp"

namespace gatecrash::report {

struct Range {
    double low = 0, high = 0;
};

/// The figures that `bench harness` should have on a kind of host. They are estimates: nobody has measured them.
struct ExpectedCost {
    std::string_view hosts;
    Range floor, injection, real_injection;  ///< kvm_run_floor_ns, injection_ns and injection_real_ns, in nanoseconds
    Range floor_ratio;                       ///< injection_ns divided by kvm_run_floor_ns
};

/// Returns the row of the table for a host that is not emulated.
[[nodiscard]] const ExpectedCost& expected_cost(const HostFacts& facts, vm::Vendor vendor);

/// Returns lines that compare measured figures with the expected ones: as expected, less or more.
[[nodiscard]] std::string describe(const ExpectedCost& expected, std::span<const bench::Figure> measured);

/// Returns lines that compare the counts of paths without pieces with the right ones. Empty if none was counted.
[[nodiscard]] std::string describe_counts(std::span<const bench::Figure> measured);

[[nodiscard]] Json to_json(const ExpectedCost& expected);

}  // namespace gatecrash::report
