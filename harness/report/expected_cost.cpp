#include "report/expected_cost.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "bench/entry_path.hpp"

namespace gatecrash::report {
namespace {

using vm::Vendor;

struct KindOfHost {
    ExpectedCost cost;
    bool (*applies)(const HostFacts& facts, Vendor vendor);
};

/// The first kind that applies is taken. The figures are sums of assumed times. An entry with its exit is taken for
/// 0.4 to 0.6 us, and the registers for 1 to 1.5 us. Each further ioctl is taken for 0.3 to 0.9 us. On nested Intel,
/// each access to a segment register is an exit to the outer hypervisor.
constexpr std::array kinds{
    KindOfHost{{"nested, on Intel's CPUs", {80e3, 150e3}, {85e3, 160e3}, {90e3, 200e3}, {1.05, 1.1}},
               [](const HostFacts& facts, Vendor vendor) { return facts.is_nested && vendor == Vendor::intel; }},
    KindOfHost{{"nested, on AMD's CPUs", {15e3, 25e3}, {18e3, 30e3}, {22e3, 40e3}, {1.1, 1.3}},
               [](const HostFacts& facts, Vendor) { return facts.is_nested; }},
    KindOfHost{
        {"bare metal, and each entry flushes the L1 data cache", {8e3, 10e3}, {11e3, 13e3}, {18e3, 25e3}, {1.3, 1.4}},
        [](const HostFacts& facts, Vendor) { return has(facts.vulnerabilities, "l1tf", "cache flushes"); }},
    KindOfHost{
        {"bare metal, and each exit to gatecrash costs an IBPB",
         {3.5e3, 5.5e3},
         {5.5e3, 7.5e3},
         {9e3, 13e3},
         {1.4, 1.6}},
        [](const HostFacts& facts, Vendor) { return has(facts.vulnerabilities, "vmscape", "IBPB before exit"); }},
    KindOfHost{{"bare metal, without costly mitigations", {2e3, 2.5e3}, {3.5e3, 4.5e3}, {6e3, 8e3}, {1.6, 1.9}},
               [](const HostFacts&, Vendor) { return true; }},
};

struct ExpectedFigure {
    const char* name;
    Range ExpectedCost::*range;
    int decimals;
};

constexpr std::array figures{ExpectedFigure{"kvm_run_floor_ns", &ExpectedCost::floor, 0},
                             ExpectedFigure{"injection_ns", &ExpectedCost::injection, 0},
                             ExpectedFigure{"injection_real_ns", &ExpectedCost::real_injection, 0},
                             ExpectedFigure{"floor_ratio", &ExpectedCost::floor_ratio, 2}};

}  // namespace

const ExpectedCost& expected_cost(const HostFacts& facts, Vendor vendor) {
    return std::ranges::find_if(kinds, [&](const KindOfHost& kind) { return kind.applies(facts, vendor); })->cost;
}

std::string describe(const ExpectedCost& expected, std::span<const bench::Figure> measured) {
    auto text = fmt::format("Expected of such a host ({}). These are estimates, which nobody has measured yet:\n",
                            expected.hosts);
    for (const auto& [name, range, decimals] : figures) {
        const auto figure = std::ranges::find(measured, name, &bench::Figure::name);
        if (figure == measured.end()) continue;
        const auto [low, high] = expected.*range;
        const auto* const word = figure->median < low ? "less" : figure->median > high ? "more" : "as expected";
        text += fmt::format("  {:<18} {:>6.{}f} to {:.{}f}, measured {:.{}f}: {}\n", name, low, decimals, high,
                            decimals, figure->median, decimals, word);
    }
    return text;
}

std::string describe_counts(std::span<const bench::Figure> measured) {
    std::size_t right = 0;
    std::string wrong;
    for (const auto& figure : measured) {
        const auto expected = bench::instructions_of(figure.name);
        if (!expected || figure.unit != "instructions") continue;
        if (figure.median == *expected) {
            ++right;
        } else {
            wrong +=
                fmt::format("  {:<20} {} instructions expected, {} counted\n", figure.name, *expected, figure.median);
        }
    }
    if (right == 0 && wrong.empty()) return {};
    return fmt::format("Expected of every host: the counts of paths without pieces. {} are as expected.\n{}{}", right,
                       wrong, wrong.empty() ? "" : "This host does not step as it should: see `gatecrash doctor`.\n") +
           "Nothing is expected of cycles, since nobody has measured them on real hosts yet.\n";
}

Json to_json(const ExpectedCost& expected) {
    Json json{{"hosts", expected.hosts}};
    for (const auto& each : figures) json[each.name] = {(expected.*each.range).low, (expected.*each.range).high};
    return json;
}

}  // namespace gatecrash::report
