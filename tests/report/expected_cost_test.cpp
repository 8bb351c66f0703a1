// Tests what the harness is expected to cost on real hosts.
#include "report/expected_cost.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatecrash::report {
namespace {

using testing::HasSubstr;
using testing::Not;
using vm::Vendor;

bench::Figure figure(const char* name, double median) {
    bench::Figure figure;
    figure.name = name;
    figure.median = median;
    return figure;
}

TEST(ExpectedCost, DependsOnTheKindOfHost) {
    const auto hosts = [](const HostFacts& facts, Vendor vendor) { return expected_cost(facts, vendor).hosts; };
    HostFacts facts;
    EXPECT_EQ(hosts(facts, Vendor::amd), "bare metal, without costly mitigations");
    facts.vulnerabilities["vmscape"] = "Mitigation: IBPB before exit to userspace";
    EXPECT_EQ(hosts(facts, Vendor::amd), "bare metal, and each exit to gatecrash costs an IBPB");
    facts.vulnerabilities["l1tf"] = "Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT vulnerable";
    EXPECT_EQ(hosts(facts, Vendor::intel), "bare metal, and each entry flushes the L1 data cache");
    facts.is_nested = true;
    EXPECT_EQ(hosts(facts, Vendor::amd), "nested, on AMD's CPUs");
    EXPECT_EQ(hosts(facts, Vendor::intel), "nested, on Intel's CPUs");
}

TEST(ExpectedCost, DoesNotTakeAVulnerabilityForItsMitigation) {
    HostFacts facts;
    facts.vulnerabilities["vmscape"] = "Vulnerable";
    facts.vulnerabilities["l1tf"] = "Not affected";
    EXPECT_EQ(expected_cost(facts, Vendor::intel).hosts, "bare metal, without costly mitigations");
}

TEST(ExpectedCost, SaysWhichFiguresAreMore) {
    const std::vector measured{figure("kvm_run_floor_ns", 2200), figure("injection_ns", 9000),
                               figure("injection_real_ns", 1000), figure("floor_ratio", 1.7), figure("step_ns", 4)};
    const auto text = describe(expected_cost({}, Vendor::amd), measured);
    EXPECT_THAT(text, HasSubstr("kvm_run_floor_ns     2000 to 2500, measured 2200: as expected\n"));
    EXPECT_THAT(text, HasSubstr("injection_ns         3500 to 4500, measured 9000: more\n"));
    EXPECT_THAT(text, HasSubstr("injection_real_ns    6000 to 8000, measured 1000: less\n"));
    EXPECT_THAT(text, HasSubstr("estimates"));
    EXPECT_THAT(text, HasSubstr("floor_ratio          1.60 to 1.90, measured 1.70: as expected\n"));
    EXPECT_THAT(text, Not(HasSubstr("step_ns")));
}

TEST(ExpectedCounts, NameThePathsThatHaveOthers) {
    auto bp = figure("bp", 2), pf = figure("pf", 5), cycles = figure("nmi", 300), pieces = figure("bp+swapgs", 99);
    for (auto* const counted : {&bp, &pf, &pieces}) counted->unit = "instructions";
    cycles.unit = "cycles";
    const auto text = describe_counts(std::vector{bp, pf, cycles, pieces});
    EXPECT_THAT(text, HasSubstr(" 1 are as expected.\n  pf                   4 instructions expected, 5 counted\n"));
    EXPECT_THAT(text, HasSubstr("This host does not step as it should"));
    EXPECT_THAT(describe_counts(std::vector{bp}), Not(HasSubstr("does not step")));
    EXPECT_EQ(describe_counts(std::vector{cycles, pieces}), "");
}

TEST(ExpectedCost, HasItsBoundsInJson) {
    EXPECT_EQ(to_json(expected_cost({}, Vendor::amd)).at("injection_ns"), (Json{3500.0, 4500.0}));
    EXPECT_EQ(to_json(expected_cost({}, Vendor::amd)).at("floor_ratio"), (Json{1.6, 1.9}));
}

}  // namespace
}  // namespace gatecrash::report
