#include "gatecrash/bench/baseline.hpp"

#include <algorithm>

namespace gatecrash::bench {

std::vector<Change> compare(std::span<const Figure> then, std::span<const Figure> now, double threshold) {
    std::vector<Change> changes;
    for (const auto& figure : now) {
        const auto old = std::ranges::find_if(
            then, [&](const Figure& each) { return each.name == figure.name && each.unit == figure.unit; });
        if (old == then.end() || !old->valid || !figure.valid || figure.unit == "1/s") continue;
        // Less than nothing is measured where what is to be measured is lost in the overhead.
        if (old->interval.low <= 0 || figure.interval.low < 0) continue;
        const Interval interval{figure.interval.low / old->interval.high, figure.interval.high / old->interval.low};
        changes.push_back({.name = figure.name,
                           .unit = figure.unit,
                           .then = old->median,
                           .now = figure.median,
                           .ratio = figure.median / old->median,
                           .interval = interval,
                           .worse = interval.low > 1 + threshold});
    }
    return changes;
}

}  // namespace gatecrash::bench
