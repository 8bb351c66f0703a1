#pragma once

#include <cstdint>
#include <span>
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
    std::string unit;  ///< "ns", "instructions", "cycles", "1/s" or "ratio"
    double median = 0, min = 0, p99 = 0;
    Interval interval;  ///< of the median
    std::uint64_t runs = 0;
    bool valid = true;
    std::string note;  ///< what was measured, or why it is not valid
};

/// The distribution of `samples`, which must not be empty.
[[nodiscard]] Figure summarize(std::string name, std::string unit, std::vector<double> samples, std::string note);

/// What `samples` take beyond `overhead`, which has the same unit: medians are subtracted, and the interval is that of
/// their difference.
[[nodiscard]] Figure summarize_beyond(std::string name, std::string unit, std::vector<double> samples,
                                      std::vector<double> overhead, std::string note);

/// The percentile bootstrap's interval of the median of `samples` less that of `overhead` (Efron 1979), from a fixed
/// seed. `overhead` may be empty.
[[nodiscard]] Interval bootstrap_interval(std::span<const double> samples, std::span<const double> overhead = {});

/// Whether a median is known well enough to be called a result: to 5 %.
[[nodiscard]] bool is_narrow(const Figure& figure);

}  // namespace gatecrash::bench
