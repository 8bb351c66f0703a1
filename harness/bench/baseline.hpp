#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/figure.hpp"

namespace gatecrash::bench {

/// One figure now against the same one then.
struct Change {
    std::string name, unit;
    double then = 0, now = 0;
    double ratio = 1;    ///< now / then
    Interval interval;   ///< of the ratio: from the figures' own intervals, so at least 95 %
    bool worse = false;  ///< all of the interval lies past the threshold
};

struct Comparison {
    std::vector<Change> changes;
    /// Figures of `now` without one to compare with: of names that are not in `then`, or of which one is not valid.
    std::vector<std::string> left_out{};
};

/// In the order of `now`; of times and counts, which are better when they are smaller. `threshold` is a part: 0.05 lets
/// pass what takes 5 % more.
[[nodiscard]] Comparison compare(std::span<const Figure> then, std::span<const Figure> now, double threshold);

}  // namespace gatecrash::bench
