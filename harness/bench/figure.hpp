#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gatecrash::bench {

/// The 95 % confidence interval of an estimate.
struct Interval {
    double low = 0, high = 0;
    bool operator==(const Interval&) const = default;
};

/// One measured quantity: its distribution over `runs` measurements.
struct Figure {
    std::string name;
    std::string unit;  ///< "ns", "instructions", "cycles", "1/s", "s", "exits" or "ratio"
    double median = 0, min = 0, p99 = 0;
    Interval interval;  ///< the median's 95 % confidence interval
    std::uint64_t runs = 0;
    bool valid = true;
    std::string note;  ///< says what was measured, or why the figure is not valid
};

/// Summarizes the samples of all `rounds`, none of which may be empty. Variation between rounds limits how well the
/// median is known. So its interval is the percentile bootstrap's (Efron 1979) of the rounds' medians, from a fixed
/// seed.
[[nodiscard]] Figure summarize_rounds(std::string name, std::string unit,
                                      const std::vector<std::vector<double>>& rounds, std::string note);

/// Summarizes `samples`, at least one, in the order in which they were taken. Divides them into successive rounds, as
/// many as usual.
[[nodiscard]] Figure summarize(std::string name, std::string unit, const std::vector<double>& samples,
                               std::string note);

/// Returns the ratio of two medians as a figure.
[[nodiscard]] Figure ratio(std::string name, const Figure& of, const Figure& to, std::string note);

/// Returns the number in the middle, or the lower one of two.
[[nodiscard]] double median_of(std::vector<double> samples);

constexpr std::size_t usual_rounds = 20;

/// True if the median is known well enough to be called a result: to 5 %.
[[nodiscard]] bool is_narrow(const Figure& figure);

}  // namespace gatecrash::bench
