#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gatecrash::bench {

/// An estimate's 95 % confidence interval.
struct Interval {
    double low = 0, high = 0;
    bool operator==(const Interval&) const = default;
};

/// One measured quantity: its distribution over `runs` measurements.
struct Figure {
    std::string name;
    std::string unit;  ///< "ns", "instructions", "cycles", "1/s", "exits" or "ratio"
    double median = 0, min = 0, p99 = 0;
    Interval interval;  ///< of the median
    std::uint64_t runs = 0;
    bool valid = true;
    std::string note;  ///< what was measured, or why it is not valid
};

/// The distribution of the samples of all `rounds`, none of which is empty. What changes between rounds is what a
/// median is not known by: its interval is the percentile bootstrap's (Efron 1979) of the rounds' medians, from a fixed
/// seed.
[[nodiscard]] Figure summarize_rounds(std::string name, std::string unit,
                                      const std::vector<std::vector<double>>& rounds, std::string note);

/// The same of `samples`, not none, in the order in which they were taken: as many rounds as usual, one behind another.
[[nodiscard]] Figure summarize(std::string name, std::string unit, const std::vector<double>& samples,
                               std::string note);

/// The number in the middle, the lower of two.
[[nodiscard]] double median_of(std::vector<double> samples);

constexpr std::size_t usual_rounds = 20;

/// Whether a median is known well enough to be called a result: to 5 %.
[[nodiscard]] bool is_narrow(const Figure& figure);

}  // namespace gatecrash::bench
