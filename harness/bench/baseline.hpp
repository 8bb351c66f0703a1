#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/figure.hpp"

namespace gatecrash::bench {

/// One figure of now, compared with the same figure of then.
struct Change {
    std::string name, unit;
    double then = 0, now = 0;
    double ratio = 1;    ///< now / then
    Interval interval;   ///< the ratio's: made of the two figures' intervals, so it covers at least 95 %
    bool worse = false;  ///< the whole interval is past the threshold
};

struct Comparison {
    std::vector<Change> changes;
    /// Figures of `now` that cannot be compared: `then` has none of that name, or one of the two is not valid.
    std::vector<std::string> left_out{};
};

/// Compares figures in the order of `now`: times and counts, which are better when they are smaller. `threshold` is the
/// allowed increase as a fraction: 0.05 allows 5 % more.
[[nodiscard]] Comparison compare(std::span<const Figure> then, std::span<const Figure> now, double threshold);

}  // namespace gatecrash::bench
